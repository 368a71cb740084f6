"""Tests of rank correlation and quantiles."""
