"""A small CT-like data set with known faults, to demonstrate the whole pipeline without patient data."""
