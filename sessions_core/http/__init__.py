"""Code that the endpoints of all dialects share."""
