"""Rank correlation and quantiles: numpy only."""
