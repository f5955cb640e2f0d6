"""Who may do what, and how the API says no: operators, passwords, sessions, permissions, audit, problems."""
