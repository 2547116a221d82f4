"""Seam's wire format for client sessions: its parameters, shapes, errors and routes."""
