"""Durable: what survives a kill: the job table, its service for the event loop, and the lock on both."""
