"""The pages of user sessions in the operator's console."""
