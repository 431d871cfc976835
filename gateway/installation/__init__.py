"""What is installed in which Gorgias account: install, check, repair, uninstall. `service.py` first."""
