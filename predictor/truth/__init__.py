"""What the labels may be, given the evidence: consensus of weak labels and posterior given gold labels."""
