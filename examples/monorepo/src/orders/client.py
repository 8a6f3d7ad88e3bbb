"""What other services call `orders` with."""

URL = "https://orders.shop.example"
