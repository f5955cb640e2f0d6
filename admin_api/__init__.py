"""The operators' side of the platform: customers, apps, API mappings, tokens, users; the JSON API behind console and command."""
