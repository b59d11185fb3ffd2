"""A small CT-like data set with known faults, to show the whole chain without any patient's data."""
