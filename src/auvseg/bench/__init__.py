"""Benches: how well every measure finds faults that were planted into clean cases, or marked by reviewers."""
