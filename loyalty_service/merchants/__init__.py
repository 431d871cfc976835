"""Shops, and how each shop's provider is reached."""
