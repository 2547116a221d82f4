"""Client sessions: passes for browsers, their grants, and filters that limit any Django model to them."""
