"""The bodies of the sandbox: what each endpoint answers, as JSON and XML."""
