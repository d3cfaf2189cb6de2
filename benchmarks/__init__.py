"""Measurements for the documentation; each docstring explains how to run them."""
