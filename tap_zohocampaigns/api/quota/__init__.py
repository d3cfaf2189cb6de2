"""The quota: how often each endpoint may be called, and who keeps count."""
