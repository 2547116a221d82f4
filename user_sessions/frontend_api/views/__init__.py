"""One module for each kind of thing that callers ask about."""
