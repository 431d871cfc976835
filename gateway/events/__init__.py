"""The last ticket events of each shop: how Gorgias called, who was looked for, what was answered.

Read `service.py` first. Imports installations, and nothing of the rooms that answer.
"""
