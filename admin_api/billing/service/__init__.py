"""What happens to money: recharges, booking of charges, balances on their way to Redis."""
