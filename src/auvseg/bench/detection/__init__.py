"""Judge how well every measure finds known faults that are planted into the user's own cases."""
