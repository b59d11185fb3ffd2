"""From a scores table to what is kept, and from there to files that nnU-Net, MONAI and people read.

`selection` decides; `splits`, `datalist`, `exclude`, `weights` and `ignore` write, each through `manifest`, which can
undo.
"""
