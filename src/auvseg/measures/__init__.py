"""Numbers a case and class, computed from one class map."""
