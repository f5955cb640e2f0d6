"""SQL of the monitor: rules, alerts, the outbox of mails, and which minute was judged last."""
