"""The stores of entries: in this process, or on a fleet's server. Imports entries, but no service."""
