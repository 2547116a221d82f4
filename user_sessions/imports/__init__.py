"""Sessions of other packages, written as history: ``manage.py import_sessions``."""
