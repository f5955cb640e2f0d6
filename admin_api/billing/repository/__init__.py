"""The queries behind money: recharges, the ledger, balances, counters kept for a Redis that loses them."""
