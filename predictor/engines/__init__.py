"""Engines: where the work of a ranking runs; in this process, or on a cluster."""
