"""Export a selection of cases to files for nnU-Net, MONAI and people.

`splits`, `datalist`, `exclude`, `weights` and `ignore` write the files, all through `manifest`, so that they can be
undone. The selection itself is made in `auvseg.cohort.selection`.
"""
