"""DICOM: series of CT, MR and PET as images; segmentation objects and structure sets as labels on an image's grid.

pydicom parses and decodes; what makes a volume of many files, and what keeps them from being one, is decided here. No
text of a header reaches a message, a note or a record, apart from the names of structures: files are called by their
names on disk.
"""
