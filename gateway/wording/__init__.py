"""Every sentence and label that an agent reads, and what each is made of. Pure: no I/O, no clock.

`panel/`: the widget. `answers/`: what a press of a button is answered. `note.py`: the notes in a ticket.

English only: a shop's locale says how numbers are written, not in which language.
"""
