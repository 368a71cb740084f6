"""Callbacks: what the server tells other hosts when a job ends."""
