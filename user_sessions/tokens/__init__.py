"""The tokens of user sessions. Only this package and ``user_sessions.verify`` import ``jwt``."""
