"""The service `orders`, as its folder is packed for every platform."""

from platform_name import PLATFORM

print("orders for", PLATFORM)
