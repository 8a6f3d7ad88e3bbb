"""The service `gateway`, as its folder is packed for every platform."""

from platform_name import PLATFORM

print("gateway for", PLATFORM)
