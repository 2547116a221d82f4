"""Actors that close sessions, and by which other modules recognize these sessions: the first part of their names."""

__all__ = ["DISOWNER", "IMPORTER"]

# A user, by the link "This was not me" in the mail about the session with the id that follows.
DISOWNER = "new_device_mail:"

# An import of sessions of another package, whose name follows.
IMPORTER = "import:"
