"""Pages for people: so far the front page, a login form and the documentation of the JSON API."""
