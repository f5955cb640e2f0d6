"""Screens 4 and 5: applications, and one of them with its secret, limits, APIs, tokens, calls and changes."""
