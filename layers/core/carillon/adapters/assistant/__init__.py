"""What answers contacts: the built-in one from a campaign's entries, and Amazon Bedrock."""
