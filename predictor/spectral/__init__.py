"""Kernels of models over the pool: eigenpairs, streamed moments, and alignments of two models."""
