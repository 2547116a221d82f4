"""Sample resources of the reference server. They use only the public API of ``client_sessions`` and its dialect."""
