"""Money: top-ups of customers' balances, and the ledger of every move."""
