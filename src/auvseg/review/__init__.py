"""Reviews: verdict files of the report, agreement between raters, merging of several reviews."""

from auvseg.review.merge import Agreement, Merged, kappa, merge
from auvseg.review.verdicts import Decision, Review, read_review, write_review

__all__ = ["Agreement", "Decision", "Merged", "Review", "kappa", "merge", "read_review", "write_review"]
