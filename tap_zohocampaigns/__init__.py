"""Read Zoho Campaigns into a warehouse."""
