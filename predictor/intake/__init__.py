"""What callers type or pass, brought to one validated query."""
