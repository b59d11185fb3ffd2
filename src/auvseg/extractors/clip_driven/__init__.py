"""CLIP-Driven Universal Model: volumes, fixed classes."""
