"""The gateway's schema, one file a step, never changed once released."""
