"""What other services call `payments` with."""

URL = "https://payments.shop.example"
