"""The Frontend API: browsers and apps call it."""
