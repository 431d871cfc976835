"""Calls of the loyalty platform: something has changed about a member."""
