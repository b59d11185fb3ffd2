"""Statistics of the benches: every value has an interval, every interval a number of cases.

Needs only NumPy and SciPy's special functions; no torch.
"""

from auvseg.bench.statistics.association import association, partial_correlation, pearson, spearman
from auvseg.bench.statistics.differences import PairedDifference, hierarchical_interval, paired_difference
from auvseg.bench.statistics.estimate import Estimate, bootstrap_interval
from auvseg.bench.statistics.roc import auroc, auroc_interval, monotonicity, precision_recall_at

__all__ = [
    "Estimate",
    "PairedDifference",
    "association",
    "auroc",
    "auroc_interval",
    "bootstrap_interval",
    "hierarchical_interval",
    "monotonicity",
    "paired_difference",
    "partial_correlation",
    "pearson",
    "precision_recall_at",
    "spearman",
]
