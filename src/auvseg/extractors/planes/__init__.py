"""Shared by models with box prompts on 2D planes."""
