"""JWT templates: shortcodes, lint and preview."""
