"""The bodies of answers, in JSON and XML."""
