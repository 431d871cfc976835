"""Starts the three processes: on one machine, or in containers."""
