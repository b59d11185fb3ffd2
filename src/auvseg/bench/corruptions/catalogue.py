"""All corruptions by name, in the order of the tables. A new one needs a function and one line here."""

from auvseg.bench.corruptions import acquisition, boundary, intensity, kspace, metal, outline, parts
from auvseg.bench.corruptions.base import Corruption

_ALL = (
    Corruption("noise", "image", intensity.add_noise, "standard deviation equal to a structure's intensity range"),
    Corruption(
        "rician_noise",
        "image",
        intensity.add_rician_noise,
        "standard deviation of either channel equal to a structure's intensity range",
    ),
    Corruption("bias_field", "image", intensity.add_bias_field, "brightest place 9 times as bright as the dimmest"),
    Corruption("blur", "image", acquisition.blur, "Gaussian of 3 in-plane voxels' standard deviation"),
    Corruption(
        "ghosting",
        "image",
        kspace.add_ghosts,
        "ghosts' root mean square equal to half a structure's intensity range",
    ),
    Corruption("spike", "image", kspace.add_spike, "stripes' amplitude 0.75 of a structure's intensity range"),
    Corruption(
        "metal_streaks",
        "image",
        metal.add_streaks,
        "streaks' root mean square equal to half a structure's intensity range",
    ),
    Corruption("thick_slices", "image", acquisition.thicken_slices, "slices 6 times as thick"),
    Corruption(
        "truncated_view", "image", acquisition.truncate_view, "one side padded until a structure loses half its extent"
    ),
    Corruption("shift", "label", outline.shift, "moved by the structure's equivalent radius"),
    Corruption("erosion", "label", outline.erode, "a layer of 0.8 of the inscribed radius lost"),
    Corruption("dilation", "label", outline.dilate, "a layer of 0.8 of the inscribed radius added"),
    Corruption("elastic", "label", boundary.deform, "displaced smoothly by half the equivalent radius"),
    Corruption("ragged", "label", boundary.roughen, "every place moved by 0.35 of the equivalent radius"),
    Corruption("missing_structure", "label", parts.remove_part, "the whole structure missing"),
    Corruption("missing_slices", "label", parts.remove_planes, "labelled on a single plane"),
    Corruption("missing_component", "label", parts.remove_components, "every component but the largest missing"),
    Corruption("missing_classes", "label", parts.remove_classes, "every class but one missing"),
    Corruption("swapped_classes", "label", parts.swap, "swapped with another class on every plane"),
)

CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
"""Every corruption by name."""
