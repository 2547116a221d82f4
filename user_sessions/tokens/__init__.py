"""The tokens that user sessions are made of. Only this package and ``user_sessions.verify`` import ``jwt``."""
