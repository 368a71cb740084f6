"""Access: where the server listens, who calls, what they may do and how often, and what is kept of it."""
