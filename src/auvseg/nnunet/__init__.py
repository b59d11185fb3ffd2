"""nnU-Net's files and classes: splits, models, results, and trainers that it finds in `search/`.

Importing this package needs no nnU-Net; `trainers` does (`pip install 'auvseg[nnunet]'`).
"""
