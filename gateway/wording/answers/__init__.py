"""The answers to button presses: what happened, then what to do. May import the rest of wording except `panel/`."""
