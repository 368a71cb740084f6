"""Calibration: predictions corrected by measured outcomes, with intervals that count tasks, not candidates."""
