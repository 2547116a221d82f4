"""The Backend API: servers call it with a secret key."""
