"""What can be done with customers, apps, secrets and tokens; also used by seeds and commands."""
