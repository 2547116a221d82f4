"""Clerk's wire format for user sessions: parameters, shapes, errors and routes."""
