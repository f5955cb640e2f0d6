"""What the monitor answers to other services, with the internal key only: rules, alerts, silences, mails."""
