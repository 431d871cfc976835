"""Points given, and taken away, by support: `service.py` is the way from a request to its outcome."""
