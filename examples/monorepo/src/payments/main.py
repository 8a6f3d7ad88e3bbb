"""The service `payments`, as its folder is packed for every platform."""

from platform_name import PLATFORM

print("payments for", PLATFORM)
