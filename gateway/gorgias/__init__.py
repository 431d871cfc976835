"""Gorgias' REST API. Only this package knows its paths and field names."""
