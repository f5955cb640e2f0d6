"""Alert rules, alerts, silences and their mails: what operators do with the monitor, which keeps them."""
