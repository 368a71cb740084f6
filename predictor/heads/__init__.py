"""Heads on frozen features and the losses they are fitted by."""
