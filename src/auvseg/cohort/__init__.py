"""A run's cases among each other: how far each lies from the others, why, and what puts it where it stands."""
