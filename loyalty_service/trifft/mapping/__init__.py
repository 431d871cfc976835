"""TRIFFT's objects → the domain's, by a wire profile. A field that cannot be read is absent; the member is still read.

It imports the domain and the rest of this package.
"""
