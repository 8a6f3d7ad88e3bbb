print("payments-api")
