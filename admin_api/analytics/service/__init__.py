"""Searches, statistics and exports, over the log indexer."""
