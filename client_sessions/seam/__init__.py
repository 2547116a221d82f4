"""Seam's wire format for client sessions: parameters, shapes, errors and routes."""
