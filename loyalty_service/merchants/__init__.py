"""Shops, and how the provider is reached for each."""
