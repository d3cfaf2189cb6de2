"""Proofs of what the documentation promises: many random runs by one command.

`python -m tests.proof` lists them, and `docs/reliability.md` has their results.
"""
