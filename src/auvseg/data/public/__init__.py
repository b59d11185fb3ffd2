"""Convert public data sets to nnU-Net v2 raw: one module per data set, and shared code. Images are never rewritten."""
