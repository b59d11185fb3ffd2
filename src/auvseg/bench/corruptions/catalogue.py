"""Every corruption by name, in the order in which tables show them. A new one is a function and one line here."""

from auvseg.bench.corruptions import image, label
from auvseg.bench.corruptions.base import Corruption

_ALL = (
    Corruption("noise", "image", image.add_noise, "standard deviation equal to the foreground's intensity range"),
    Corruption("blur", "image", image.blur, "Gaussian of 3 in-plane voxels' standard deviation"),
    Corruption(
        "ghosting", "image", image.add_ghosts, "ghosts' root mean square equal to half the foreground's intensity range"
    ),
    Corruption("thick_slices", "image", image.thicken_slices, "slices 6 times as thick"),
    Corruption("shift", "label", label.shift, "moved by the structure's equivalent radius"),
    Corruption("erosion", "label", label.erode, "a layer of 0.8 of the inscribed radius lost"),
    Corruption("dilation", "label", label.dilate, "a layer of 0.8 of the inscribed radius added"),
    Corruption("missing_structure", "label", label.remove_part, "the whole structure missing"),
    Corruption("missing_slices", "label", label.remove_planes, "labelled on a single plane"),
    Corruption("swapped_classes", "label", label.swap, "swapped with another class on every plane"),
)

CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
"""Every corruption by name."""
