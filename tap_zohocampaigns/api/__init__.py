"""The API of Zoho Campaigns: calls, quotas, tokens and answers; nothing of Singer."""
