"""The Frontend API, which browsers and apps call."""
