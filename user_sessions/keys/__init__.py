"""Keys that sign tokens, and key sets that verify them."""
