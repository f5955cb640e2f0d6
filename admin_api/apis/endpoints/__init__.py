"""The JSON API of API mappings and system parameters."""
