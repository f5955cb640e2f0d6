"""The command `pailou`: starts services, migrates databases, signs calls; and the all-in-one."""
