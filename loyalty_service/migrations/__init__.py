"""The loyalty service's schema, one file a step, never changed once released."""
