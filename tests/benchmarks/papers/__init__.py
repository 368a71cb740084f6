"""The papers' experiments with this package, one page a paper."""
