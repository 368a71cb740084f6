"""From texts to pooled hidden states: tokenise, batch, run, pool, store. Model libraries are imported on demand."""
