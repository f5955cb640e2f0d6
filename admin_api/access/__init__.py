"""The back office itself: signing in, operators, roles, menus, and the record of what they did."""
