"""From what the user typed to files that are safe to read: references, fetching, conversion, checks."""
