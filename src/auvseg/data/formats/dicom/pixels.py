"""Decode the stored pixels of frames with pydicom; undecodable files and non-intensities are refused first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.formats.dicom.parsing import parse
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.dicom.series import damaged_error
from auvseg.data.formats.integrity import MAX_DEFLATED, check_promise
from auvseg.errors import ReadError

_PIXEL_BITS = (1, 8, 16, 32)
_MAX_COMPRESSED = 4096
_MAX_PLAIN_PICTURE = 1 << 26
"""Bytes of pixels that a compressed file may always unpack to: JPEG-LS makes next to nothing of an empty plane."""


def check_pixels(file: Path, header: Any) -> None:
    """Refuse what is no grey image or cannot be decoded here.

    Raises:
        ReadError: colours, a look-up table, no pixels, or a compression without its decoder.
    """
    samples = int(header.get("SamplesPerPixel") or 1)
    if samples != 1 or str(header.get("PhotometricInterpretation") or "MONOCHROME2").startswith("PALETTE"):
        raise ReadError(f"{file.name}: holds colours, not intensities", "name the scan that it was made of")
    if header.get("ModalityLUTSequence"):
        raise ReadError(f"{file.name}: its intensities need a look-up table, which auvseg does not apply", "convert it")
    if not header.get("Rows") or not header.get("Columns") or not header.get("BitsAllocated"):
        raise ReadError(f"{file.name}: holds no image", "name a file of the image series")
    _check_decoder(file, header)
    _check_promise(file, header)


def stored_dtype(file: Path, header: Any) -> np.dtype[Any]:
    """NumPy's type of the stored numbers."""
    bits = int(header.BitsAllocated)
    if bits not in _PIXEL_BITS:
        raise ReadError(f"{file.name}: pixels of {bits} bits are not supported", "convert it")
    return np.dtype(f"{'i' if header.get('PixelRepresentation') else 'u'}{max(bits, 8) // 8}")


def pixels_of(file: Path, frames: Sequence[int]) -> Iterator[NDArray[Any]]:
    """The stored numbers (rows, columns) of some frames of a file, in the order asked for.

    Raises:
        ReadError: the file is truncated or damaged.
    """
    from pydicom.pixels.utils import pixel_array

    try:
        with quietly():
            dataset = parse(file, force=True)
            _check_whole(file, dataset)
    except ReadError:
        raise
    except Exception as error:  # noqa: BLE001 - pydicom raises whatever damaged bytes make its parsers raise
        raise damaged_error(file, error) from None
    for frame in frames:
        try:
            with quietly():
                pixels = pixel_array(dataset, index=frame, raw=True)
        except Exception as error:  # noqa: BLE001 - as above, of decoders
            raise damaged_error(file, error) from None
        yield pixels


def _check_decoder(file: Path, header: Any) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    if syntax is None:
        raise ReadError(f"{file.name}: does not say how its pixels are stored (transfer syntax)", "export it again")
    if not syntax.is_compressed or syntax.is_deflated:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        raise ReadError(f"{file.name}: compressed as {syntax.name}, which cannot be decoded", "decompress it") from None
    if not available:
        raise ReadError(
            f"{file.name}: compressed as {syntax.name}, and no decoder of it is installed",
            "pip install 'auvseg[dicom]' brings one (python-gdcm)",
        )


def _check_promise(file: Path, header: Any) -> None:
    """Refuse what the file cannot hold, before room is made for it."""
    syntax, size = header.file_meta.TransferSyntaxUID, file.stat().st_size
    promised = int(header.Rows) * int(header.Columns) * int(header.get("NumberOfFrames") or 1)
    promised = promised * int(header.BitsAllocated) // 8
    if not syntax.is_compressed:
        check_promise(file, promised, size)
    elif syntax.is_deflated:
        check_promise(file, promised, size, MAX_DEFLATED)
    elif promised > _MAX_PLAIN_PICTURE:
        check_promise(file, promised, size, _MAX_COMPRESSED)


def _check_whole(file: Path, dataset: Any) -> None:
    """Uncompressed pixels must all be there: what is missing would be read as a shorter series or as noise."""
    if "PixelData" not in dataset:
        raise ReadError(f"{file.name}: truncated: there are no pixels in it", "copy it again from its source")
    if dataset.file_meta.TransferSyntaxUID.is_compressed and not dataset.file_meta.TransferSyntaxUID.is_deflated:
        return
    count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("NumberOfFrames") or 1)
    promised, held = (count * int(dataset.BitsAllocated) + 7) // 8, len(dataset.PixelData)
    if held < promised:
        raise ReadError(
            f"{file.name}: truncated: the header promises {promised} bytes of pixels, there are {held}",
            "copy it again from its source",
        )
