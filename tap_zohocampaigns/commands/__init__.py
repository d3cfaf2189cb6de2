"""Subcommands of `tap-zohocampaigns`."""
