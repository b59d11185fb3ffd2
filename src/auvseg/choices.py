"""The words that an option may be, defined once for the command line and the library.

Imports nothing but typing, so that `--help` can list them without NumPy, pandas or torch. Choices that belong to a
light module stand there: `auvseg.data.case`, `auvseg.measures.catalogue`, `auvseg.extractors.families`.
"""

from typing import Literal

InputKind = Literal["raw", "mask"]
"""Image normalisation: `raw` by CT window or percentiles of the image, `mask` by percentiles of the foreground."""

Precision = Literal["auto", "fp32", "bf16"]
"""Floating-point precision of the network; with `auto` the extractor chooses by device."""

EngineName = Literal["local", "ray"]
"""Where cases are scored: on this machine, or on a Ray cluster."""

ScoredSubset = Literal["training", "all"]
"""Cases to score."""

Scope = Literal["case", "class"]
"""What is compared: whole cases, or each structure with the same structure of other cases."""

Combine = Literal["union", "intersection"]
"""With scope `class`, keep a case that is kept for any of its classes (the paper), or only for all of them."""

ExportName = Literal["exclude", "splits", "datalist", "weights", "ignore"]
"""Format of what `auvseg filter` writes."""

PublicDataset = Literal["lits", "totalsegmentator", "word", "feta", "kits", "msd"]
"""Public data sets that can be converted to nnU-Net raw."""

FigureFormat = Literal["png", "svg", "pdf"]
"""File format of a figure."""

Loss = Literal["duo", "baseline"]
"""Training loss: DUO, or nnU-Net's own."""

Network = Literal["nnunet", "swin-unetr", "umamba-bot", "umamba-enc"]
"""Network architecture that `auvseg train` trains."""

TrainingSize = Literal["small", "full"]
"""Length of a benchmark training: short enough for a CPU, or the paper's protocol."""
