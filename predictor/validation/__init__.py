"""Every estimator against really trained students."""
