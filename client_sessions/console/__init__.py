"""The operator's pages of client sessions, their grants and personal access tokens."""
