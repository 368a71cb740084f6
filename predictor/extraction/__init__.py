"""From texts to pooled hidden states: tokenise, batch, run, pool, keep. Engines are imported when one is needed."""
