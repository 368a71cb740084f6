"""The `w2s` command: one file a subcommand, each thin over predictor or client."""
