"""What other services call `gateway` with."""

URL = "https://gateway.shop.example"
