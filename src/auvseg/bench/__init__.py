"""Evidence: known faults are put into clean cases, and every measure is asked whether it sees them."""
