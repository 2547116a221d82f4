"""The keys that sign tokens, and the key sets that verify them."""
