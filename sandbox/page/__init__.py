"""The helpdesk page and the TRIFFT Admin pages: plain HTML, CSS and ES modules, served as they are."""
