"""Where the network runs."""

import torch

from auvseg.errors import UsageError


def choose_device(wanted: str) -> str:
    """`auto` becomes the first CUDA device where there is one, else the processor; anything else must exist.

    Raises:
        UsageError: the device is unknown or absent.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UsageError(f"--device {wanted}: unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {wanted}: there are {torch.cuda.device_count()} CUDA devices here; use --device cpu"
        )
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"--device {wanted}: only cpu and cuda are supported")
    return wanted


def choose_devices(wanted: str) -> tuple[str, ...]:
    """Devices by their names with commas between them, or `all` CUDA devices.

    Raises:
        UsageError: one is unknown or absent, or there is none.
    """
    if wanted == "all":
        if not torch.cuda.is_available():
            raise UsageError("--devices all: there is no CUDA device here; name processes instead, such as cpu,cpu")
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return tuple(choose_device(name.strip()) for name in wanted.split(",") if name.strip())
