"""Tokens and secrets. No other package imports ``hmac``, ``hashlib`` or ``secrets``."""
