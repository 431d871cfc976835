"""What runs the three processes: on one machine, and in containers."""
