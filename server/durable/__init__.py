"""Durable: what survives a kill: the job table, its ledger for the event loop, and the lock on both."""
