"""Send messages between processes without copying large arrays through the pipe.

A pipe copies an array five times, in pieces. Where the system has anonymous memory files (Linux), the sender writes an
array into one and passes its descriptor; the receiver maps it, and it is freed with the last array that uses it,
whatever happens to either process. Unlike shared memory segments it has no name to leak and no small `/dev/shm` to
fill. An array that was made in such a file from the start (`shareable`) is not even copied. Elsewhere arrays follow the
message through the pipe, still outside the pickle.
"""

import mmap
import os
import pickle
from contextlib import suppress
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGE_BYTES = 1 << 20
"""Arrays below this size stay in the message: a descriptor costs more than copying them."""


class _Memory(mmap.mmap):
    """An anonymous file in memory, as long as an array lies in it."""

    descriptor: int

    def __del__(self) -> None:
        os.close(self.descriptor)


def shareable(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros that `send` passes on without a copy, where the system has anonymous memory files.

    The receiver sees the same memory: the sender must not change the array once it is sent.
    """
    size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
    if size < LARGE_BYTES or not hasattr(os, "memfd_create"):
        return np.zeros(shape, dtype)
    try:
        file = os.memfd_create("auvseg-array")
    except OSError:
        return np.zeros(shape, dtype)
    try:
        os.ftruncate(file, size)
        memory = _Memory(file, size)
    except OSError:
        os.close(file)
        return np.zeros(shape, dtype)
    memory.descriptor = file
    return np.frombuffer(memory, dtype).reshape(shape)


def _home(view: memoryview) -> int | None:
    """The descriptor of the file that an array fills, if it was made by `shareable`; else None."""
    owner: Any = view.obj
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner.descriptor if isinstance(owner, _Memory) and len(owner) == view.nbytes else None


def send(connection: Connection, message: object) -> None:
    """Send an object; everything that can fail about it fails before the first byte is sent.

    Args:
        connection: one end of a duplex pipe, whose other end calls `receive`.
        message: anything that can be pickled.
    """
    buffers: list[memoryview] = []

    def stays_in_message(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < LARGE_BYTES:
            return True
        buffers.append(view)
        return False

    body = pickle.dumps(message, protocol=5, buffer_callback=stays_in_message)
    files: list[int | None] = []
    try:
        for view in buffers:
            home = _home(view)
            files.append(_memory_file(view) if home is None else os.dup(home))
        connection.send((body, [(view.nbytes, file is not None) for view, file in zip(buffers, files, strict=True)]))
        for view, file in zip(buffers, files, strict=True):
            if file is None:
                connection.send_bytes(view)
            else:
                reduction.send_handle(connection, file, None)
    finally:
        for file in files:
            if file is not None:
                os.close(file)


def receive(connection: Connection) -> Any:
    """Receive what `send` sent; its arrays can be written to.

    Raises:
        EOFError: the other end was closed.
        OSError: the connection broke.
    """
    body, large = connection.recv()
    buffers = [_mapped(connection, size) if in_file else _read(connection, size) for size, in_file in large]
    return pickle.loads(body, buffers=buffers)


def _memory_file(view: memoryview) -> int | None:
    """A descriptor of an anonymous file with this content; None where the system has none, or none so large."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        file = os.memfd_create("auvseg-array")
    except OSError:
        return None
    try:
        # Writing reports that memory is short; filling a mapping would kill the process.
        written = 0
        while written < view.nbytes:
            written += os.write(file, view[written:])
    except OSError:
        with suppress(OSError):
            os.close(file)
        return None
    return file


def _mapped(connection: Connection, size: int) -> mmap.mmap:
    file = reduction.recv_handle(connection)
    try:
        return mmap.mmap(file, size)
    finally:
        os.close(file)


def _read(connection: Connection, size: int) -> bytearray:
    content = bytearray(size)
    connection.recv_bytes_into(content)
    return content
