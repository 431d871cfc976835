"""Points given and taken away by support. `service.py` goes from a request to its outcome.

"The way of a press" in docs/changing.md lists in order what may stop an award on that way.
"""
