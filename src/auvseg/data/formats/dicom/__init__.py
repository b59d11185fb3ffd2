"""DICOM: series of CT, MR and PET as images; segmentation objects and structure sets as labels on an image's grid.

pydicom parses and decodes; this package decides which files form a volume, and why others do not. Header text never
appears in messages, notes or records, except the names of structures: files are called by their names on disk.
"""
