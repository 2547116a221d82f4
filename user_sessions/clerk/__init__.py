"""Clerk's wire format for user sessions: its parameters, shapes, errors and routes."""
