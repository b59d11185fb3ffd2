"""The DUO loss (METHOD section 5) and its targets: one channel per class in [0, 1], and a mask of valid voxels.

Axes: B batch, C classes, "*S" one to three spatial axes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss

from auvseg.data.label_values import INTEGER_TOLERANCE
from auvseg.duo.noise import CaseNoise, SampledNoise
from auvseg.measures.catalogue import ScaleOn, Unfold
from auvseg.measures.scale import semantic_scale


def class_targets(
    target: Shaped[Tensor, "B K *S"],
    num_classes: int,
    ignore_index: int | None,
    mask: Shaped[Tensor, "B 1 *S"] | None,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "B C *S"], Bool[Tensor, "B 1 *S"] | None]:
    """One channel a class, and the voxels that count.

    The number of channels tells what the target is: one of several classes is a label map, one a class are soft or hard
    shares. With C = 1 both are the same.

    Args:
        target: (B, 1, *S) label map with values 0 … C-1 and `ignore_index`, of any dtype; floats are rounded to the
            whole number that they lie next to, by the rule of reading and `check`. Or (B, C, *S) channels in [0, 1],
            soft or hard: regions, several raters' mean.
        num_classes: C.
        ignore_index: the label of voxels that do not count; None if all do.
        mask: (B, 1, *S), true where a voxel counts; None if all do.
        dtype: of the channels.

    Returns:
        (B, C, *S) channels, and (B, 1, *S) which voxels count (None: all).

    Raises:
        ValueError: the number of channels is neither 1 nor C, a label is not a class or no whole number, or a share is
            not in [0, 1].
    """
    counted = None if mask is None else mask.bool()
    if target.shape[1] == 1 and num_classes > 1:
        return _one_hot(target, num_classes, ignore_index, counted, dtype)
    if target.shape[1] != num_classes:
        raise ValueError(
            f"the target has {target.shape[1]} channels: 1 (a label map) or {num_classes} (one a class) are expected"
        )
    if ignore_index is not None:
        if num_classes > 1:
            raise ValueError("ignore_index belongs to label maps; pass mask= with one channel a class")
        target, counted = _without_ignored(target, ignore_index, counted)
    if target.dtype == torch.bool:
        return target.to(dtype), counted
    low, high = torch.stack(torch.aminmax(target)).tolist()
    # Interpolating and averaging shares leaves them a rounding error outside.
    if not (low >= -INTEGER_TOLERANCE and high <= 1 + INTEGER_TOLERANCE):
        raise ValueError(
            f"the target has one channel a class, so it is taken for shares in [0, 1], not [{low:g}, {high:g}]; "
            f"a label map has one channel, of several classes"
        )
    return (target if low >= 0 and high <= 1 else target.clamp(0, 1)).to(dtype), counted


def _one_hot(
    label: Shaped[Tensor, "B 1 *S"],
    num_classes: int,
    ignore_index: int | None,
    counted: Bool[Tensor, "B 1 *S"] | None,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "B C *S"], Bool[Tensor, "B 1 *S"] | None]:
    stored = label
    if label.is_floating_point():
        label = label.round()
    rounded = label
    if ignore_index is not None:
        label, counted = _without_ignored(label, ignore_index, counted)
    facts = [*torch.aminmax(label)]
    if stored.is_floating_point():
        facts.append((stored - rounded).abs().amax())
    # One transfer from the device, where each number would wait for it.
    low, high, *off = torch.stack(facts).tolist()
    taken = f"the target has one channel, so it is taken for a label map of {num_classes} classes: "
    if not (low >= 0 and high < num_classes):
        raise ValueError(f"{taken}labels are 0 to {num_classes - 1}, not {low:g} to {high:g}; is ignore_index set?")
    if off and not off[0] <= INTEGER_TOLERANCE:
        example = stored[(stored - rounded).abs() > INTEGER_TOLERANCE][0].item()
        raise ValueError(
            f"{taken}labels are whole numbers, not {example:g}; resample labels with nearest neighbour, or give soft "
            f"targets one channel a class, (B, {num_classes}, ...)"
        )
    channels = torch.zeros(label.shape[0], num_classes, *label.shape[2:], dtype=dtype, device=label.device)
    return channels.scatter_(1, label.long(), 1.0), counted


def _without_ignored(
    target: Shaped[Tensor, "B K *S"], ignore_index: int, counted: Bool[Tensor, "B 1 *S"] | None
) -> tuple[Shaped[Tensor, "B K *S"], Bool[Tensor, "B 1 *S"]]:
    """The target with 0 where it is to be ignored, and what counts elsewhere."""
    kept = target != ignore_index
    return torch.where(kept, target, 0), kept if counted is None else counted & kept


def at_resolution(target: Shaped[Tensor, "B K *S"], shape: torch.Size) -> Shaped[Tensor, "B K *s"]:
    """The target on a coarser grid of a deeply supervised network, by nearest neighbours."""
    if target.shape[2:] == shape:
        return target
    return functional.interpolate(target.float(), shape, mode="nearest-exact").to(target.dtype)


Activation = Literal["softmax", "sigmoid"]

_LOG_DOMINANT = math.log(0.6)
"""Far enough above 1/2 that, whatever is rounded, one class of a voxel at most is above it."""


def probabilities(logits: Float[Tensor, "B C *S"], activation: Activation) -> Float[Tensor, "B C *S"]:
    """(B, C, *S) probabilities."""
    return torch.softmax(logits, dim=1) if activation == "softmax" else torch.sigmoid(logits)


def dice_loss(
    p: Float[Tensor, "B C *S"],
    y: Float[Tensor, "B C *S"],
    counted: Bool[Tensor, "B 1 *S"] | None,
    smooth: float,
) -> Float[Tensor, "B C"]:
    """1 - Dice, in [0, 1].

        1 - (2 Σ min(p, y) + s) / (Σ p + Σ y + s)

    For labels of 0 and 1, min(p, y) = p·y, so this is the usual Dice. For soft ones it is smallest, and 0, at p = y;
    the product is not (MONAI issue 8094). A class that is neither there nor predicted has loss 0.
    """
    overlap = torch.minimum(p, y)
    if counted is not None:
        p, y, overlap = p * counted, y * counted, overlap * counted
    inner, total = overlap.flatten(2).sum(-1), p.flatten(2).sum(-1) + y.flatten(2).sum(-1)
    return 1 - (2 * inner + smooth) / (total + smooth)


def binary_cross_entropy(
    logits: Float[Tensor, "B C *S"],
    y: Float[Tensor, "B C *S"],
    counted: Bool[Tensor, "B 1 *S"] | None,
    activation: Activation,
) -> Float[Tensor, "B C"]:
    """Mean of -(y log p + (1 - y) log(1 - p)) over the voxels that count; 0 if none does."""
    if activation == "sigmoid":
        entropy = functional.softplus(logits) - y * logits
    else:
        log_p = torch.log_softmax(logits, dim=1)
        entropy = -torch.lerp(_log_complement(log_p), log_p, y)
    if counted is None:
        return entropy.flatten(2).mean(-1)
    voxels = counted.flatten(2).sum(-1).clamp_min(1)
    return (entropy * counted).flatten(2).sum(-1) / voxels


def _log_complement(log_p: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C *S"]:
    """log(1 - p) of a softmax, exact also where p rounds to 1 and a wrong label needs its gradient most.

    Only the largest class of a voxel can have p well above 1/2, where 1 - p cancels. There the sum over the others is
    taken.
    """
    dominant = log_p > _LOG_DOMINANT
    # Masked before the logarithm: the gradient of an unused -inf would be NaN.
    others = torch.where(dominant, -torch.inf, log_p)
    return torch.where(dominant, others.logsumexp(dim=1, keepdim=True), torch.log1p(-others.exp()))


Reduction = Literal["mean", "sum", "none"]


class DUOLoss(_Loss):
    """Dice and cross-entropy of every sample and class, weighted by the scale of the class, with denoised labels.

    Args:
        num_classes: C, background included for softmax outputs.
        alpha: α ≥ 0, how much a class of high scale counts less. 0 weighs all alike.
        beta: β in [0, 1], the share of Dice; the rest is binary cross-entropy.
        activation: `softmax` for exclusive classes, `sigmoid` for overlapping regions.
        noise: ε̂ for networks with a noise head (`add_noise_head`): `CaseNoise`, or `SampledNoise` where the cases of a
            batch are not known. None: labels are taken as they are.
        correction_limit: l in (0, 1], the largest change of a label. From 1/2 on a label can be turned over.
        correction_share: largest share of a structure that its corrections may add up to, above 0; infinity bounds
            nothing. The structure is the class or what is not the class, whichever is smaller.
        scale_gradient: whether the gradient flows through S (as in the paper, where it pushes the maps to a richer
            spectrum), or S is a plain weight.
        scale_on: S of the `logits`, or of the `probabilities`.
        unfold, centre: variant of S; see `semantic_scale`.
        include_background: False leaves the first class out of the loss; then only the others are learnt, and arg-max
            over all classes is undefined.
        ignore_index: label of voxels that do not count, for targets that are label maps.
        smooth: added to numerator and denominator of Dice.
        deep_supervision_weights: one weight a resolution, for networks that return a list; default 1, 1/2, 1/4, …
            scaled to sum 1.
        reduction: `mean` over samples of the sum over classes (the equation), `sum` over both, or `none`: (B, C). The
            sum over classes matters: with a mean, every class learns C times more slowly by the same learning rate.

    Raises:
        ValueError: an argument is out of its range.

    Examples:
        >>> loss = DUOLoss(num_classes=2)
        >>> label = torch.zeros(1, 1, 4, 4, 4)
        >>> round(loss(torch.zeros(1, 2, 4, 4, 4), label).item(), 4)
        1.3598
    """

    def __init__(
        self,
        num_classes: int,
        *,
        alpha: float = 0.5,
        beta: float = 0.5,
        activation: Activation = "softmax",
        noise: CaseNoise | SampledNoise | None = None,
        correction_limit: float = 0.4,
        correction_share: float = 0.1,
        scale_gradient: bool = True,
        scale_on: ScaleOn = "logits",
        unfold: Unfold = "D_HW",
        centre: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
        smooth: float = 1e-5,
        deep_supervision_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        _check(num_classes >= (2 if activation == "softmax" else 1), "softmax needs two classes, sigmoid one")
        _check(alpha >= 0 and math.isfinite(alpha), f"alpha is at least 0, not {alpha}")
        _check(0 <= beta <= 1, f"beta is in [0, 1], not {beta}")
        _check(0 < correction_limit <= 1, f"correction_limit is in (0, 1], not {correction_limit}")
        _check(correction_share > 0, f"correction_share is above 0, not {correction_share}")
        _check(smooth > 0, f"smooth is above 0, not {smooth}")
        _check(include_background or num_classes > 1, "without background no class is left")
        for name, value, known in (
            ("activation", activation, Activation),
            ("scale_on", scale_on, ScaleOn),
            ("unfold", unfold, Unfold),
            ("reduction", reduction, Reduction),
        ):
            _check(value in get_args(known), f"{name} is one of {', '.join(get_args(known))}, not {value!r}")
        self.num_classes = num_classes
        self.alpha = alpha
        self.beta = beta
        self.activation: Activation = activation
        self.noise = noise
        self.correction_limit = correction_limit
        self.correction_share = correction_share
        self.scale_gradient = scale_gradient
        self.scale_on: ScaleOn = scale_on
        self.unfold: Unfold = unfold
        self.centre = centre
        self.include_background = include_background
        self.ignore_index = ignore_index
        self.smooth = smooth
        self.deep_supervision_weights = None if deep_supervision_weights is None else tuple(deep_supervision_weights)
        self._case_ids: Sequence[str] | None = None

    def forward(
        self,
        input: Tensor | Sequence[Tensor],
        target: Tensor | Sequence[Tensor],
        *,
        case_ids: Sequence[str] | None = None,
        mask: Tensor | Sequence[Tensor] | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            input: (B, C, *S) logits, or (B, 2·C, *S) with the noise head's channels behind them; or a list of these,
                highest resolution first. Any floating type: the loss is computed in float32 outside autocast.
            target: (B, 1, *S) label map or (B, C, *S) channels in [0, 1]; or a list, one a resolution. One target
                for several resolutions is sampled down. Which of the two it is, the number of channels tells: with one
                channel for several classes it is a label map, whose floats are rounded within 1e-3 and refused beyond;
                with C channels, or one for one class, it is taken as soft and goes into the loss as it is.
            case_ids: one id a sample, for `CaseNoise`; default those of `cases`.
            mask: (B, 1, *S), true where a voxel counts; or a list.

        Returns:
            A scalar, or (B, C) for `reduction="none"`.

        Raises:
            ValueError: shapes, channels, labels or ids do not fit, a label map holds fractions; noise channels without
                `noise`.
        """
        inputs = [input] if isinstance(input, Tensor) else list(input)
        weights = self._weights(len(inputs))
        ids = self._case_ids if case_ids is None else case_ids
        total: Tensor | None = None
        for level, (logits, weight) in enumerate(zip(inputs, weights, strict=True)):
            if weight == 0:
                continue
            shape = logits.shape[2:]
            values = weight * self._one_resolution(
                logits, _of_level(target, level, shape), ids, None if mask is None else _of_level(mask, level, shape)
            )
            total = values if total is None else total + values
        if total is None:
            raise ValueError("all deep supervision weights are 0")
        if self.reduction == "none":
            return total
        return total.sum() / (len(total) if self.reduction == "mean" else 1)

    @contextmanager
    def cases(self, case_ids: Sequence[str]) -> Iterator[None]:
        """Within this block the samples of every batch are those cases.

        For training loops that call the loss themselves, with network output and target only.
        """
        before = self._case_ids
        self.set_cases(case_ids)
        try:
            yield
        finally:
            self._case_ids = before

    def set_cases(self, case_ids: Sequence[str] | None) -> None:
        """From now on the samples of every batch are those cases; None forgets them."""
        self._case_ids = None if case_ids is None else list(case_ids)

    def class_weights(self, logits: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C"]:
        """1 / (1 + α S), in (0, 1]; 1 for a map without a scale, such as one that is zero throughout."""
        maps = probabilities(logits, self.activation) if self.scale_on == "probabilities" else logits
        # Fewer than three spatial axes: the missing ones have length 1 in front, so that a plane unfolds into H×W.
        while maps.ndim < 5:
            maps = maps.unsqueeze(2)
        with torch.set_grad_enabled(self.scale_gradient and torch.is_grad_enabled()):
            scale = semantic_scale(maps, unfold=self.unfold, centre=self.centre, missing=0.0)
        return 1 / (1 + self.alpha * scale)

    def corrected(
        self,
        y: Float[Tensor, "B C *S"],
        said: Float[Tensor, "B C *S"],
        noise: Float[Tensor, "B C"],
        counted: Bool[Tensor, "B 1 *S"] | None = None,
    ) -> Float[Tensor, "B C *S"]:
        """ỹ: labels y, corrected by what the noise head said times ε̂, within the limit, the share and [0, 1].

        The share is of the voxels that count, and so are the corrections that it bounds.
        """
        limit = self.correction_limit
        strength = noise.to(said).reshape(*noise.shape, *[1] * (said.ndim - 2))
        change = limit * torch.tanh(strength * said / limit)
        if math.isfinite(self.correction_share):
            change = change * self._within_share(y, change, counted).reshape(strength.shape)
        moved = y - change
        # `clamp` passes no gradient at its bounds, where every hard label stands while the noise head is zero.
        clamped = moved.detach().clamp(0, 1)
        return torch.where(clamped == moved, moved, clamped)

    def _within_share(
        self, y: Float[Tensor, "B C *S"], change: Float[Tensor, "B C *S"], counted: Bool[Tensor, "B 1 *S"] | None
    ) -> Float[Tensor, "B C"]:
        """r: what to multiply corrections with so that they add up to no more than their share; 0 for an absent class.

        The gradient flows through it: to correct more in one place, the noise head has to correct less in another.
        """
        size = y if counted is None else y * counted
        total = change.abs() if counted is None else change.abs() * counted
        inside = size.flatten(2).sum(-1)
        voxels = math.prod(y.shape[2:]) if counted is None else counted.flatten(2).sum(-1)
        room = self.correction_share * torch.minimum(inside, voxels - inside)
        # The larger of the two, not a clamped ratio: its gradient is 0, never 0 times infinity, while nothing is said.
        return room / torch.maximum(total.flatten(2).sum(-1), room).clamp_min(torch.finfo(y.dtype).tiny)

    def _one_resolution(
        self,
        logits: Shaped[Tensor, "B K *S"],
        target: Shaped[Tensor, "B k *S"],
        case_ids: Sequence[str] | None,
        mask: Shaped[Tensor, "B 1 *S"] | None,
    ) -> Float[Tensor, "B c"]:
        # MONAI's tensors carry their image's header along, which linear algebra cannot use.
        plain, target, mask = (_plain(one) for one in (logits, target, mask))
        with torch.autocast(plain.device.type, enabled=False):
            values = plain.to(torch.promote_types(plain.dtype, torch.float32))
            maps, said = self._heads(values)
            y, counted = class_targets(target, self.num_classes, self.ignore_index, mask, maps.dtype)
            if said is not None:
                assert self.noise is not None
                y = self.corrected(y, said, self.noise(len(maps), case_ids), counted)
            dice = dice_loss(probabilities(maps, self.activation), y, counted, self.smooth)
            entropy = binary_cross_entropy(maps, y, counted, self.activation)
            loss = (self.beta * dice + (1 - self.beta) * entropy) * self.class_weights(maps)
        return loss if self.include_background else loss[:, 1:]

    def _heads(self, values: Tensor) -> tuple[Tensor, Tensor | None]:
        """The segmentation's channels, and the noise head's if there are any."""
        if values.shape[1] == self.num_classes:
            return values, None
        if values.shape[1] != 2 * self.num_classes:
            raise ValueError(
                f"the network returns {values.shape[1]} channels; {self.num_classes} are expected, "
                f"or {2 * self.num_classes} with a noise head"
            )
        if self.noise is None:
            raise ValueError("the network has a noise head: give the loss its noise (CaseNoise or SampledNoise)")
        return values[:, : self.num_classes], values[:, self.num_classes :]

    def _weights(self, levels: int) -> Sequence[float]:
        if self.deep_supervision_weights is None:
            halves = [2.0**-level for level in range(levels)]
            return [half / sum(halves) for half in halves]
        if len(self.deep_supervision_weights) != levels:
            raise ValueError(f"{len(self.deep_supervision_weights)} deep supervision weights for {levels} resolutions")
        return self.deep_supervision_weights


def _of_level(given: Tensor | Sequence[Tensor], level: int, shape: torch.Size) -> Tensor:
    if isinstance(given, Tensor):
        return at_resolution(given, shape)
    if given[level].shape[2:] != shape:
        raise ValueError(f"output {level} is {tuple(shape)}, its target {tuple(given[level].shape[2:])}")
    return given[level]


def _plain(tensor: Any) -> Any:
    return tensor.as_subclass(Tensor) if isinstance(tensor, Tensor) and type(tensor) is not Tensor else tensor


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def parameters_for_optimizer(network: nn.Module, loss: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: the network's with weight decay, the noise's without.

    The noise is standardised before it is used, so that decay would not make it smaller but its steps larger.
    """
    groups: list[dict[str, Any]] = [{"params": list(network.parameters()), "weight_decay": weight_decay}]
    noise = list(loss.parameters())
    if noise:
        groups.append({"params": noise, "weight_decay": 0.0})
    return groups
