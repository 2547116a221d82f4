"""Pages for the users of a Django project."""
