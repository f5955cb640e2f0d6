"""What can be done with operators, roles and menus; nobody can hand out what they do not hold."""
