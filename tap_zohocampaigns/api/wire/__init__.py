"""Zoho's answers: from bytes to typed rows."""
