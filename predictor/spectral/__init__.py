"""Kernels of models over the pool: eigenpairs, streamed moments, and what two models say of each other."""
