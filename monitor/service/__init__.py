"""What the monitor does: judge each minute once, write alerts and mails, send the mails."""
