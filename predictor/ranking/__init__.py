"""Ranking: select estimators, gather features, estimate, order and answer; in one go or in stages."""
