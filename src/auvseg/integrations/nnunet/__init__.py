"""nnU-Net v2.8 and later: trainers that it finds through a folder of this package, and their export to plain nnU-Net.

Importing this package needs no nnU-Net; `trainers` does (`pip install 'auvseg[nnunet]'`).
"""

from auvseg.nnunet.search_path import search_folder, with_search_folder

__all__ = ["search_folder", "with_search_folder"]
