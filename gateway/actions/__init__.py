"""Button presses: each gets an answer, whatever happens. All pass `boundary.py`.

Each kind of button is a file that parses, checks the ticket, calls the loyalty service and renders.
"""
