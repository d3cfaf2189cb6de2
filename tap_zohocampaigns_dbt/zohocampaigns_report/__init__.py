"""Writes a page of what the marts say: one HTML file that needs no network."""
