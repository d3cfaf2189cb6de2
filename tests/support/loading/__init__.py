"""Loaders of others, run with what the tap writes, and what they have stored."""
