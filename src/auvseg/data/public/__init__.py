"""Public data sets as nnU-Net v2 raw: one file a data set, and what they share. No image is rewritten."""
