"""The keys and IDs of an account."""

from __future__ import annotations

from dataclasses import dataclass

from tap_zohocampaigns.sandbox.world.randomness import digits, key


@dataclass(frozen=True, slots=True)
class Identity:
    """Keys and numbers that depend only on the seed."""

    seed: int

    @property
    def org(self) -> str:
        """The digits after 129 with which all IDs of the account begin."""
        return digits(4, self.seed, "org")

    @property
    def zuid(self) -> str:
        """The number of the user."""
        return digits(8, self.seed, "zuid")

    def list_key(self, number: int) -> str:
        """Return the key of a list."""
        return key(self.seed, "list", number)

    def list_number(self, number: int) -> str:
        """Return the number, `listunino`, of a list."""
        return digits(16, self.seed, "listunino", number)

    def number(self, kind: int, serial: int) -> str:
        """Return an ID of 19 digits; each `kind` has its own."""
        return f"129{self.org}{kind:02d}{serial:010d}"
