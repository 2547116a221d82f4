project = "Gatepass"
author = "Gatepass contributors"
copyright = "2026, Gatepass contributors"

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "Gatepass"
nitpicky = True
