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
_WRITE = {"json": contactinfo.as_json, "xml": contactinfo.as_xml}
ENDPOINTS: t.Final = {
    "subscribe": "listsubscribe",
    "unsubscribe": "listunsubscribe",
    "do_not_mail": "contactdonotmail",
}
"""What can be done with a contact, and the call that does it."""
MOST_AT_ONCE = 10
"""So many addresses may be added in one call:
https://www.zoho.com/campaigns/help/developers/add-contacts-existing-list.html
"""


class Writes:
    """Changes contacts. Each call returns when Zoho has answered.

    All raise what `Client.call` raises; `Rejected` is about the contact alone.
    """

    def __init__(self, client: Client, tally: Counter[str]) -> None:
        """Take the session, and where calls are counted."""
        self._client = client
        self._tally = tally

    def change(
        self, action: str, contact: Mapping[str, str], params: Mapping[str, str]
    ) -> bool:
        """Do one of `ENDPOINTS` with a contact.

        Args:
            action: What to do.
            contact: Its fields by their display names, `Contact Email` among them.
            params: The list, and other parameters, without empty ones.

        Returns:
            Whether it was so already.
        """
        form = contactinfo.form(contact, self._client.format)
        info = {"contactinfo": _WRITE[form](contact)}
        envelope = self._client.call(
            ENDPOINTS[action],
            {**params, **info},
            self._tally,
            form=form,
            private=contact.values(),
        )
        # Success is how Zoho answers to most of what is so already, but for the words.
        return envelope is None or "already" in envelope.message.casefold()

    def add(self, list_key: str, addresses: Sequence[str]) -> None:
        """Add at most ten contacts, of whom nothing but the address is known."""
        params = {"listkey": list_key, "emailids": ",".join(addresses)}
        self._client.call(BULK, params, self._tally, private=addresses)
