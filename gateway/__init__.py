"""The gateway: answers Gorgias' widget and action requests. Knows no path or field of TRIFFT's API."""
