"""CLIP-driven universal model: a volume, and its own classes."""
