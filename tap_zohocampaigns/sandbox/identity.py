"""What tells one account from another."""

from __future__ import annotations

from dataclasses import dataclass

from tap_zohocampaigns.sandbox.chance import digits, key


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
