"""How a provider is called: in time, within its rate, and not over and over while it fails. Knows no path and no field.

It imports the domain, the link to the shared store and the metrics.
"""
