"""Parts: rows, features and labels that were sent before the request that refers to them."""
