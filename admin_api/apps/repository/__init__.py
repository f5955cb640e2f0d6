"""The queries behind the lists of customers, apps and tokens."""
