"""The presses of buttons: each is answered, whatever happens. `boundary.py` is what all go through.

A button is a file that parses, checks the ticket, calls and renders.
"""
