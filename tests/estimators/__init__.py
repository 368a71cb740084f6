"""What holds for every estimator, and which way each of them points."""
