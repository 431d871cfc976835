"""The gRPC boundary: calls are parsed and handed on, answers and errors are written."""
