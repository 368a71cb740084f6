"""The pipeline: gather features, estimate, judge; in one go or in stages."""
