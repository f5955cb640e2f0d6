"""What happened at the gateways: today's ranking, call logs, statistics."""
