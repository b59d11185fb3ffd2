"""A trained nnU-Net as an extractor."""
