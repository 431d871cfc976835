"""Where entries are held: in this process, or on the server that a fleet shares. Imports entries, and no service."""
