"""User sessions, their clients, and the short-lived tokens that other services verify."""
