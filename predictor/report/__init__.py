"""Pages: a ranking or a validation as one HTML file without outside references."""
