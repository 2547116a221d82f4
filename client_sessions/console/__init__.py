"""The pages of the operator's console about client sessions."""
