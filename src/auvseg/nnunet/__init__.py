"""What more than one stage knows of nnU-Net: its checkpoints, and the folder in which it finds our trainers.

Importing this package needs no nnU-Net.
"""
