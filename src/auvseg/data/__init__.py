"""What is on disk: data sets, their files, and whether they are sound. Nothing here imports torch."""
