"""The release. Here and not in the package's metadata, since the image holds the code without any."""

VERSION = "0.1.0"
