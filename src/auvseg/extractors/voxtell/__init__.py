"""VoxTell: a volume, and the names of its classes as text."""
