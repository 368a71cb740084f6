"""Protos: the wire format, and the one place that turns it into the predictor's nouns."""
