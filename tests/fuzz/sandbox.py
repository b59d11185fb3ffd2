"""A process in which damaged files are read: it may die, hang or ask for memory, and the test says of which file.

The address space of the process is limited to what it has when it is ready and 512 MiB, which no file of these tests
has any business to need.
"""

import multiprocessing
import resource
import shutil
import tempfile
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

MAX_BYTES = 512 << 20
DEADLINE_S = 60.0
"""What is refused takes milliseconds, what hangs hangs; between them lies whatever else the machine does."""
_START_S = 600.0


class Sandbox:
    """Runs `fuzz.image_targets` on contents, one at a time, in a process that is replaced when it dies."""

    def __init__(self) -> None:
        self._process: multiprocessing.Process | None = None

    def fault(self, target: str, content: bytes) -> str:
        """What is wrong with how a content was read; empty if it was read, or refused with a reason."""
        if self._process is None:
            self._start()
        self._connection.send((target, content))
        if not self._connection.poll(DEADLINE_S):
            self.stop()
            return f"no answer after {DEADLINE_S:g} s"
        try:
            answer: str = self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self.stop()
            return f"the process died ({code})"
        return answer

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child,), daemon=True)
        self._process.start()
        child.close()
        assert self._connection.poll(_START_S), "the sandbox does not start"
        assert self._connection.recv() == "ready"


def _serve(connection: Connection) -> None:
    from fuzz.image_targets import IMAGES

    with tempfile.TemporaryDirectory() as folder:
        for name, target in IMAGES.items():  # imports what readers import when they are first used
            for seed in target.seeds():
                answer = _answer(name, Path(folder), seed, sound=True)
                assert not answer, (name, answer)
        limit = address_space() + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        connection.send("ready")
        while True:
            try:
                name, content = connection.recv()
            except EOFError:
                return
            connection.send(_answer(name, Path(folder), content))


def _answer(name: str, folder: Path, content: bytes, sound: bool = False) -> str:
    from fuzz.image_targets import IMAGES

    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    try:
        refused = IMAGES[name].run(folder, content)
    except Exception:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    if "memory" in refused or "alloc" in refused:
        return f"wanted more than {MAX_BYTES} bytes: {refused}"
    if "\n" in refused or str(folder) in refused:
        return f"not one line, or one that tells where the data lie: {refused!r}"
    return refused if sound else ""


def address_space() -> int:
    """Bytes of this process's address space."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmSize in /proc/self/status")
