"""`make torture`: thousands of awards while everything fails, and then the books are compared."""
