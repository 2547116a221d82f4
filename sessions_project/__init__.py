"""The reference server: both apps, the Django admin, and settings read from the environment."""
