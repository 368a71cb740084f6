"""What is asked, as nouns without I/O: pool, labels, models, settings, training plan; each checks itself."""
