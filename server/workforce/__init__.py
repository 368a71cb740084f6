"""Workforce: worker processes, from what they cost and how they start to what becomes of their answers."""
