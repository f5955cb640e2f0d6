"""admin_api's own database: the tables, and how rows are read, listed and written."""
