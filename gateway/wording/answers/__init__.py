"""What a press of a button is answered: what happened, then what to do. May import the rest of wording but `panel/`."""
