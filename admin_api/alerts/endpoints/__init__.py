"""/alert-rules, /alerts, /alert-silences and /alert-mails."""
