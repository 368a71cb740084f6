"""Telemetry: what the server says of itself: log lines, counts, and the page that shows them."""
