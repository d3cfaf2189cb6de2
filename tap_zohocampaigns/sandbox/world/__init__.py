"""The account that the sandbox serves."""
