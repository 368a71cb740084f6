"""Estimators: rules that score candidates. One file a paper, named for it; `registry` lists them."""
