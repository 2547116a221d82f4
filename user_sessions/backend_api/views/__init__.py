"""What the routes do: find the rows of the caller, call one verb, answer with one shape."""
