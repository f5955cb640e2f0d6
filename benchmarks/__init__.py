"""What a call costs, measured beside nginx in the same run: `python -m benchmarks` builds its world, runs it, prints a table."""
