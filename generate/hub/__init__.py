"""A release on the Hub: its card, its metadata, and how it goes there and comes back."""
