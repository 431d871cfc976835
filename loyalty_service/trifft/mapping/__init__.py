"""TRIFFT's objects → the domain's, by a wire profile. A field that cannot be read costs itself, never the member.

It imports the domain, the profile and what stands beside it.
"""
