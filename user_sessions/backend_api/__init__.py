"""The API for backends with a secret key, as Clerk's SDKs speak it."""
