"""What is asked, as nouns without I/O: pool, labels, models, settings and training plan, each checked on construction."""
