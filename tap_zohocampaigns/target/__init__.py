"""The target: contacts of a warehouse, sent to Zoho."""
