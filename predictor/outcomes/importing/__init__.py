"""Measured outcomes from elsewhere: tables, and the result folders of public weak-to-strong code."""
