"""Names in events and in ``closed_by`` that several modules look for."""

__all__ = ["DISOWNED", "DISOWNER", "IMPORTER"]

# The type of the event of each session that its user has disowned.
DISOWNED = "user_session.disowned"

# How actors begin: a user, by the link "This was not me" in the mail about the session with the id that follows.
DISOWNER = "new_device_mail:"

# How actors begin: an import of sessions of another package, whose name follows.
IMPORTER = "import:"
