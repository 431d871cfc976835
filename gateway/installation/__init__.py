"""What is installed in which Gorgias account: install, check, repair, uninstall. `service.py` first.

May import merchants, gorgias, wording, and the template of the widget.
"""
