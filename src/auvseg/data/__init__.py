"""Data sets on disk: layouts, file formats, checks and workers. Nothing here imports torch."""
