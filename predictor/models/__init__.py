"""From a model reference to files that are safe to read: references, fetching, conversion, checks."""
