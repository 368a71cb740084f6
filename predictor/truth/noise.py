"""Shares of the label variance that nothing explains: the levels that are tried where no gold label shows it."""

from __future__ import annotations

NOISE_SHARES = (0.05, 0.2, 0.4, 0.7, 0.9)
"""σ² of labels of unit variance, each as plausible as the others."""

MIDDLE_SHARE = NOISE_SHARES[len(NOISE_SHARES) // 2]
"""The level used where only one is simulated."""
