"""What really trained students say of every estimator."""
