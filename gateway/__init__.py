"""The door: checks, limits, routes, forwards, answers and logs every call. openplatform holds what it shares with services."""
