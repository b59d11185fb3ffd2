"""Frozen foundation models, one file each, all behind `base.Extractor`."""
