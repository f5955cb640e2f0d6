"""What happens to money by itself: charges are booked, balances kept true in Redis, reservations end."""
