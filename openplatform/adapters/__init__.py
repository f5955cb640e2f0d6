"""What plays the ports: one file per role and technology; only composition roots open them."""
