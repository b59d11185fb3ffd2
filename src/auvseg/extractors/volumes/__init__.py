"""Shared by models over whole volumes."""
