"""What every request to the gateway passes: connection, log line and counts, credential, body, errors as problems."""
