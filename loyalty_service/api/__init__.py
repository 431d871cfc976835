"""The gRPC boundary: it parses calls, passes them on, and writes answers and errors."""
