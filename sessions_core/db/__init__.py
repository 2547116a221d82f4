"""What Django's ORM lacks: compiled queries, ``RETURNING``, and transactions on the right database."""
