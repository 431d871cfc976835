"""The release. It is not in the package's metadata, since the image has the code without metadata."""

VERSION = "0.1.0"
