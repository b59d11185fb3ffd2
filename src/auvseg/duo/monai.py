"""Handler for MONAI's training engines that passes a batch's case ids to the per-case noise.

`DUOLoss`, `add_noise_head`, `CaseNoise` and `SampledNoise` need nothing from here: they follow MONAI's conventions, in
a loop of one's own, as `loss_function` of `SupervisedTrainer`, and by their dotted names in a bundle's configuration.
But an engine calls a loss with output and target only; this handler adds the case ids.
"""

from typing import Any

from auvseg.duo.loss import DUOLoss


class CaseIdHandler:
    """Tells the loss, at the start of every iteration, the ids of the batch's cases.

    Args:
        loss: the loss, with `CaseNoise`.
        key: where a batch holds the ids; a datalist's extra keys pass through MONAI's transforms unchanged.

    Examples:
        `CaseIdHandler(loss).attach(trainer)`, or in `train_handlers` of `SupervisedTrainer`.
    """

    def __init__(self, loss: DUOLoss, key: str = "case_id") -> None:
        self.loss = loss
        self.key = key

    def attach(self, engine: Any) -> None:
        """Register with an ignite engine."""
        from ignite.engine import Events

        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Any) -> None:
        """Take the ids from the batch.

        Raises:
            ValueError: the batch has no such key.
        """
        batch = engine.state.batch
        if not isinstance(batch, dict) or self.key not in batch:
            raise ValueError(f"the batch has no {self.key!r}; add it to every entry of the datalist")
        self.loss.set_cases([str(case_id) for case_id in batch[self.key]])
