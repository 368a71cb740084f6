"""Access: listening addresses, authentication, scopes, admission, rates and the audit log."""
