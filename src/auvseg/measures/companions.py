"""Companion measures: computed from the same class map as the semantic perception scale, at no extra cost.

METHOD section 8 shows that on LiteMedSAM they react to label errors and image noise more reliably than `S` does; they
are ours, not the paper's. Each takes a `MeasureInput` and returns None if it is not defined. Directions are declared in
`catalogue.py`; how far to trust them depends on the extractor and the data. "Logit" means the logit of the class
against everything else (`MeasureInput.odds`).
"""

from auvseg.measures.inputs import MeasureInput
from auvseg.measures.map_sums import map_sums
from auvseg.measures.planes import overlaps


def agreement(case: MeasureInput) -> float | None:
    """Dice of the model's own mask (logit > 0 on the volume's grid) with the label, over the scored planes, in [0, 1].

    Voxels of nnU-Net's ignore label do not count. None without a label, or if both masks are empty.
    """
    if not case.has_label:
        return None
    found = case.once(overlaps)
    total = sum(both for _, both in found)
    return 2.0 * sum(shared for shared, _ in found) / total if total else None


def stability(case: MeasureInput) -> float | None:
    """Pixels with logit > +2 over pixels with logit > -2 on the model's grid, in [0, 1].

    The stability score of Segment Anything (Kirillov et al., ICCV 2023, appendix B). None where no logit exceeds -2.
    """
    sums = case.once(map_sums)
    loose = int(sums.loose.sum())
    return int(sums.sure.sum()) / loose if loose else None


def confidence(case: MeasureInput) -> float | None:
    """Mean probability inside the model's own mask (logit > 0), in (0.5, 1]; None where the mask is empty."""
    sums = case.once(map_sums)
    inside = int(sums.inside.sum())
    return float(sums.probability.sum()) / inside if inside else None


def boundary_entropy(case: MeasureInput) -> float | None:
    """Binary entropy of the probabilities, summed over all pixels and divided by the predicted ones, in nats.

    The sum is dominated by the band around the boundary, so the value grows with the band's width relative to the
    structure's size: compare it within a class, not between classes. None if the model's mask is empty.
    """
    sums = case.once(map_sums)
    inside = int(sums.inside.sum())
    return float(sums.entropy.sum()) / inside if inside else None


def predicted_iou(case: MeasureInput) -> float | None:
    """Mean over the planes of the IoU that the model predicts for its mask; None if the model predicts none.

    About [0, 1]; the head is a regression and may leave that range.
    """
    if case.class_map.predicted_iou is None:
        return None
    return float(case.class_map.predicted_iou.double().mean())
