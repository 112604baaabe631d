"""For those who run the shop: all orders, and the stock."""
