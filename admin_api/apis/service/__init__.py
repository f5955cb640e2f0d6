"""What can be done with API mappings and system parameters; also used by seeds and commands."""
