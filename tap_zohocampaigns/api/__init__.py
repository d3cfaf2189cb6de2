"""Everything that knows Zoho Campaigns, and nothing that knows Singer."""
