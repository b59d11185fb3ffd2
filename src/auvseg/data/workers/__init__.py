"""Processes in which a crash costs one task, and the memory they may use."""
