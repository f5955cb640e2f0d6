"""The routes of ranking, logs and statistics."""
