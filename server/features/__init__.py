"""Features: feature sets of each tenant, on their way in and out."""
