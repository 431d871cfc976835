"""Messages of the proto as the domain's values, and back, a file for each noun."""
