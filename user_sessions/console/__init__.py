"""The pages of the operator's console about user sessions."""
