"""Calls of the loyalty platform: something has changed about a member. May import http and what is below."""
