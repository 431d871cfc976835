"""Calls to a provider: in time, within its rate, and not while it fails. Knows no path and no field of a provider.

It imports the domain, the link to the shared store and the metrics.
"""
