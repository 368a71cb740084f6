"""Tests of answers and their text forms."""
