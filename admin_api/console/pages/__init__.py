"""One module per resource: thin views over the services of the JSON API."""
