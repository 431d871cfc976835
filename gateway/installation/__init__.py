"""What is installed in which Gorgias account."""
