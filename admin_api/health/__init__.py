"""How the platform is: what waits in its queues, and what lies aside."""
