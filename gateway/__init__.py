"""The edge: takes Gorgias' widget and action requests, and knows nothing of TRIFFT."""
