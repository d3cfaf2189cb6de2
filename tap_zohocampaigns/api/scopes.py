"""Call -> the scope that a token needs for it.

A call without its scope is refused with the same answer as one without a token.
"""

from __future__ import annotations

CONTACTS = "ZohoCampaigns.contact.READ"
CAMPAIGNS = "ZohoCampaigns.campaign.READ"
WORKFLOWS = "ZohoCampaigns.workflow.READ"
CHANGES = "ZohoCampaigns.contact.UPDATE"
ADDITIONS = "ZohoCampaigns.contact.CREATE"
# Zoho's page asks for the right to change contacts, to read tags.
TAGS = CHANGES

READS = {
    "getmailinglists": CONTACTS,
    "getlistadvanceddetails": CONTACTS,
    "getlistsubscribers": CONTACTS,
    "listsubscriberscount": CONTACTS,
    "getsegmentdetails": CONTACTS,
    "getsegmentcontacts": CONTACTS,
    "contact/allfields": CONTACTS,
    "topics": CONTACTS,
    "topics/products": CONTACTS,
    "recentcampaigns": CAMPAIGNS,
    "getcampaigndetails": CAMPAIGNS,
    "campaignreports": CAMPAIGNS,
    "getcampaignrecipientsdata": CAMPAIGNS,
    "workflow": WORKFLOWS,
    "tag/getalltags": TAGS,
}
"""All that can be read. Some GETs of Zoho write, so nothing else is asked for."""
WRITES = {
    "listsubscribe": CHANGES,
    "listunsubscribe": CHANGES,
    "contactdonotmail": CHANGES,
    "addlistsubscribersinbulk": ADDITIONS,
}
"""All that can be changed; there is no call here that deletes."""
SCOPES = READS | WRITES
# The least that can be asked for with the two scopes of which each token has one.
PROBES = ("getmailinglists", "recentcampaigns")
