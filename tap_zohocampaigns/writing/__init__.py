"""Records of a warehouse -> changes of contacts, each answered by Zoho."""
