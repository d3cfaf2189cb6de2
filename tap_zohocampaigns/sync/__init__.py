"""How a stream is read."""
