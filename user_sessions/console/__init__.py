"""The console's pages of user sessions."""
