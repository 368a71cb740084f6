"""Versions: this server's own."""

from importlib import metadata

VERSION = metadata.version("w2s-predictor")
