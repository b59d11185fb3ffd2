"""A network of the user's, exported or described in JSON."""
