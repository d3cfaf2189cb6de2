"""What tells one account from another."""

from __future__ import annotations

from dataclasses import dataclass

from tap_zohocampaigns.sandbox.world.randomness import digits, key


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys and numbers that follow from the seed of an account alone."""

    seed: int

    @property
    def org(self) -> str:
        """The digits, after 129, with which all ids of the account begin."""
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
        """Return an id of 19 digits; `kind` tells those of one thing from others."""
        return f"129{self.org}{kind:02d}{serial:010d}"
