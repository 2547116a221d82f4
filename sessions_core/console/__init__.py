"""The operator's console: pages of Django's admin, with confirmed actions that record who did what, and why."""
