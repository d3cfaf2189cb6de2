"""The source for Airbyte: the tap's streams in the messages of Airbyte's protocol."""
