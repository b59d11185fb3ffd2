"""The user's own network, exported or described in JSON."""
