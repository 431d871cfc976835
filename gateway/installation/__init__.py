"""The installations in Gorgias accounts: install, check, repair, uninstall. Read `service.py` first."""
