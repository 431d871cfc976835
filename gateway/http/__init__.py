"""What every request to the gateway passes: connection, log line and counts, credential, body, errors as problems.

May import installation, for the credentials, and what is below it.
"""
