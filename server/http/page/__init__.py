"""Page: jobs, rankings, outcomes and calibrations for people, rendered here; scripts only add live progress."""
