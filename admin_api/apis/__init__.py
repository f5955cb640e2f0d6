"""The public APIs: where each one leads and under which rules, and the system parameters of every call."""
