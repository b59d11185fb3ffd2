"""VISTA3D: a volume, and its own classes."""
