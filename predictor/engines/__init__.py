"""Where the models of a ranking run: in this process, or on a cluster."""
