"""The JSON API of signing in, operators, roles, menus and audit."""
