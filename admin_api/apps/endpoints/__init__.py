"""The JSON API of customers, apps and tokens."""
