"""The calls that change contacts: subscribe, unsubscribe, do not mail."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api import contactinfo

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.api.client import Client

BULK: t.Final = "addlistsubscribersinbulk"
"""The call that adds several contacts to a list."""
_ENCODE = {"json": contactinfo.as_json, "xml": contactinfo.as_xml}
CALLS: t.Final = {
    "subscribe": "listsubscribe",
    "unsubscribe": "listunsubscribe",
    "do_not_mail": "contactdonotmail",
}
"""Action -> the call that applies it."""
MOST_AT_ONCE = 10
"""How many addresses may be added in one call:
https://www.zoho.com/campaigns/help/developers/add-contacts-existing-list.html
"""


class ContactWriter:
    """Changes contacts. Each method returns when Zoho has answered.

    All methods raise what `Client.call` raises.
    """

    def __init__(self, client: Client, tally: Counter[str]) -> None:
        """Use a client.

        Args:
            client: Makes the calls.
            tally: Counts the calls of each endpoint.
        """
        self._client = client
        self._tally = tally

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Apply one action of `CALLS` to a contact.

        Args:
            action: Name of the action.
            contact: Its fields by their display names, with `Contact Email`.
            params: The list and other parameters, without empty ones.

        Returns:
            Whether the change was already in effect.
        """
        data_format = contactinfo.choose_format(contact, self._client.format)
        info = {"contactinfo": _ENCODE[data_format](contact)}
        envelope = self._client.call(
            CALLS[action],
            {**params, **info},
            self._tally,
            data_format=data_format,
            private=contact.values(),
        )
        # Zoho mostly answers with success and these words if it was already in effect.
        return envelope is None or "already" in envelope.message.casefold()

    def add_to_list(self, list_key: str, addresses: Sequence[str]) -> None:
        """Add at most ten contacts with nothing but an address."""
        params = {"listkey": list_key, "emailids": ",".join(addresses)}
        self._client.call(BULK, params, self._tally, private=addresses)
