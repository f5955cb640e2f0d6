"""`pailou logs`: call logs searched, followed and exported over the admin API."""
