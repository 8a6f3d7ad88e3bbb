"""The service `notifier`, as its folder is packed for every platform."""

from platform_name import PLATFORM

print("notifier for", PLATFORM)
