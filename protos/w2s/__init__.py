"""Generated modules of package w2s."""
