"""Outcomes: measured weak-to-strong trainings, their store, and result files of other tools read into it."""
