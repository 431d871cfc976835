"""The last ticket events of each shop: how Gorgias called, who was looked for, what was answered.

Read `service.py` first. Imports installations, and none of the packages that answer.
"""
