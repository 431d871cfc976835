"""Points given and taken away by support. `service.py` goes from a request to its outcome.

"The gates of a press" in CONTRIBUTING.md lists in order what may stop an award on that way.
"""
