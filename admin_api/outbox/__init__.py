"""From the operator's change to the gateways: written with the change in one transaction, then pushed to Redis."""
