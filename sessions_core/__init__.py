"""Workspaces, API keys, secrets, events, and the code that both apps share."""
