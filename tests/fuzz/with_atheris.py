"""Coverage-guided fuzzing of one target, by hand and for as long as one likes; atheris has wheels for Linux.

    pip install atheris
    PYTHONPATH=src:tests python tests/fuzz/with_atheris.py TARGET CORPUS [libFuzzer's options]

Such an option is -max_total_time=600. CORPUS is a folder that keeps what was found to be interesting; sound files are
put into it first. A file that breaks what `fuzz.image_targets` promises ends the run and lies beside it as crash-*,
what was tried last as last-TARGET.
"""

import resource
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

# pydicom is left out: its dictionaries alone would take minutes.
with atheris.instrument_imports(include=["auvseg", "nibabel"]):
    from fuzz.image_targets import IMAGES
    from fuzz.sandbox import MAX_BYTES, address_space
    from fuzz.text_targets import OBJECTS, TEXTS

OWN_BYTES = 1 << 30
"""What libFuzzer may take for its own."""

TARGETS = {**IMAGES, **{name: target for name, (target, _) in OBJECTS.items()}, **TEXTS}


def main(name: str, corpus: Path, options: list[str]) -> None:
    """Fuzz until libFuzzer ends."""
    target = TARGETS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    attempt = corpus.parent / f"last-{name}"
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as folder:
        for seed in target.seeds():  # imports what readers import when they are first used
            target.run(Path(folder), seed)
        limit = address_space() + MAX_BYTES + OWN_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        def once(content: bytes) -> None:
            for old in Path(folder).iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            # libFuzzer, short of memory as well, does not always come to write what it tried.
            attempt.write_bytes(content)
            refused = target.run(Path(folder), content)
            assert "\n" not in refused, refused
            assert "memory" not in refused, refused

        atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus.parent}/", *options], once)
        atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
