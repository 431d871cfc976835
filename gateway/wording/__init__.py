"""Every sentence and label that an agent reads. Pure: no I/O, no clock.

`panel/`: the widget. `answers/`: the answers to button presses. `note.py`: the notes in a ticket.

English only: a shop's locale sets the form of numbers, not the language.
"""
