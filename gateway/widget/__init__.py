"""The sidebar: parse who the customer is, ask for the snapshot, render. `handler.py` first.

May import actions, whose tokens and last refusals the panel shows, and what is below.
"""
