"""Access tokens, shared by all processes of an account."""
