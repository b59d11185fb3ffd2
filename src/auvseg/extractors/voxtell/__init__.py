"""VoxTell: volumes, text prompts."""
