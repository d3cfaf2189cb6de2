"""Measurements for the documentation; each script says how it is run."""
