"""What other services call `notifier` with."""

URL = "https://notifier.shop.example"
