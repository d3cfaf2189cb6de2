"""The bodies that Zoho Campaigns sends, in JSON and in XML."""
