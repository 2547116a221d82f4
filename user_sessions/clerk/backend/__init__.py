"""The Backend API, which servers call with a secret key."""
