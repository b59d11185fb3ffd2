"""SegVol: volumes, text prompts."""
