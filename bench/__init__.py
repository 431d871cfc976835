"""Benchmarks: the machine's floors and this service, side by side in one run."""
