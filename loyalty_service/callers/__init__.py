"""Callers: services that have a key of their own."""
