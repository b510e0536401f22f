"""What each route does with a call: decode, call one operation, reply. One module per noun."""
