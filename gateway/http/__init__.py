"""The steps of every request to the gateway: connection, log line, counts, credential, body, errors as problems."""
