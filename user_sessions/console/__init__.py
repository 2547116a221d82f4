"""The operator's console: pages of Django's admin about user sessions, signing keys and JWT templates."""
