"""What may this browser touch? Client sessions, their grants, and the scoping any Django model can be put under."""
