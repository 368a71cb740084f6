"""Weak-to-strong training on real labels, and simulated in closed form on drawn ones."""
