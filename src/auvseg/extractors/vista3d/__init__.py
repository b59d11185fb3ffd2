"""VISTA3D: volumes, fixed classes."""
