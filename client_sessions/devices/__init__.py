"""The resources of the reference server. Uses of ``client_sessions`` only what any host project may."""
