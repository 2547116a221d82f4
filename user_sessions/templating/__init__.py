"""JWT templates: their shortcodes, what is wrong with them, and a preview of a token."""
