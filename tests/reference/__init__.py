"""Every formula against a twin written out term by term from its source, and cases computed by hand."""
