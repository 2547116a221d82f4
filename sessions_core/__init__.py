"""The ground floor: workspaces, API keys, secrets, events and the plumbing both APIs stand on."""
