"""Tests of outcomes and their store."""
