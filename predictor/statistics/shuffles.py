"""Number of shuffled copies that make the null."""

from __future__ import annotations

SHUFFLES = 19
"""Shuffled pairings of rows per candidate.

Where nothing is to be found, the best candidate beats all shuffles of all candidates in 1 of 20 rankings.
"""
