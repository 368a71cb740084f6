"""Worlds that W2S training may meet: splits, labels drawn from priors, posteriors of the truth."""
