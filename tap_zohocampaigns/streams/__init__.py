"""What each stream is: one class per stream."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.streams import (
    campaigns,
    details,
    events,
    lists,
    recipients,
    reference,
    snapshots,
)

STREAMS: t.Final = (
    lists.MailingLists,
    lists.ListDetails,
    lists.Segments,
    lists.SegmentContacts,
    lists.ListSubscriberCounts,
    lists.ListSubscribers,
    campaigns.Campaigns,
    details.CampaignDetails,
    details.CampaignAbVariants,
    details.CampaignLists,
    campaigns.CampaignReports,
    campaigns.CampaignReach,
    campaigns.CampaignLocations,
    recipients.CampaignRecipients,
    events.RecipientEvents,
    reference.ContactFields,
    reference.Tags,
    reference.Topics,
    reference.Products,
    reference.Workflows,
    reference.AccountRow,
    snapshots.Snapshots,
)
