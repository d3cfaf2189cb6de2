"""The ledger of what was sent, so that unchanged records cost no call."""
