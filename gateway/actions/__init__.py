"""The button presses."""
