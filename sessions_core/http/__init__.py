"""What the endpoints of every dialect share."""
