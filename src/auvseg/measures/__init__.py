"""Measures of one class of one case, computed from its class map, label and image."""
