"""Pages for operators: server-rendered views over the services of the JSON API."""
