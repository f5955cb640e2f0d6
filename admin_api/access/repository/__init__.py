"""The queries behind operators, roles, menus and the logs of what they did."""
