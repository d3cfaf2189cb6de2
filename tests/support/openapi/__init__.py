"""The sandbox described as OpenAPI, for tests of what it serves."""
