"""The product with one more page."""
