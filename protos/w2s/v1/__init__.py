"""Generated modules of package w2s.v1; made by `python -m protos.generate`, never edited."""
