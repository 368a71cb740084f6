"""Fine-tuning: the strong model itself is trained. Importing the modules in here loads torch."""
