"""Whether everything that auvseg needs may be used as auvseg may: the licence of each installed distribution.

    python tools/licences.py            the core, as `pip install auvseg` installs it
    python tools/licences.py EXTRA...   with extras, such as nnunet

Looks at what is installed alone, so it needs no network. Exit status 1 where a licence is not on the list.
"""

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = re.compile(
    r"\b(MIT|MIT-CMU|HPND|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|PIL|Zlib|Unlicense|Public Domain|CC0|MPL|"
    r"Mozilla Public License|BSL-1\.0)\b",
    re.IGNORECASE,
)
"""Licences that allow use, change and redistribution in products; MPL asks for the changes of its own files alone."""

REFUSED = re.compile(r"\b(A?GPL|SSPL|Commons Clause|non-?commercial|CC[- ]BY[- ]NC)\b", re.IGNORECASE)

EXCEPTIONS = {
    "nvidia-": "NVIDIA's run-time libraries, which torch's own wheels ask for; free to use, not ours to pass on",
    "cuda-": "as above",
    "connected-components-3d": "LGPL; nnU-Net's, and with the extras that need nnU-Net alone: used as it is",
}
"""By the beginning of the distribution's name, why a licence of its own kind is accepted."""


def distributions_of(name: str, extras: frozenset[str], seen: dict[str, frozenset[str]]) -> Iterator[str]:
    """The installed distributions that one needs, itself first, each once a set of extras."""
    known = seen.get(name)
    if known is not None and extras <= known:
        return
    seen[name] = extras | (known or frozenset())
    if known is None:
        yield name
    for text in metadata.requires(name) or ():
        one = Requirement(text)
        wanted = any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if wanted:
            try:
                yield from distributions_of(canonicalize_name(one.name), frozenset(one.extras), seen)
            except metadata.PackageNotFoundError:
                print(f"{one.name}: wanted by {name}, and not installed", file=sys.stderr)


def licence_of(name: str) -> str:
    """What a distribution says of its licence: the expression, else classifiers, else the first line of free text."""
    about = metadata.metadata(name)
    classifiers = [one for one in about.get_all("Classifier") or () if one.startswith("License ::")]
    named = [one.rpartition(" :: ")[2] for one in classifiers if not one.endswith("OSI Approved")]
    free = (about.get("License") or "").strip().splitlines()
    return about.get("License-Expression") or " or ".join(named) or (free[0] if free else "not stated")


def verdict(name: str, licence: str) -> str:
    """`ok`, `exception` or `refused`."""
    if name.startswith(tuple(EXCEPTIONS)):
        return "exception"
    # Of several licences to choose from one has to do.
    choices = re.split(r"\s+or\s+", licence, flags=re.IGNORECASE)
    return "ok" if any(ALLOWED.search(one) and not REFUSED.search(one) for one in choices) else "refused"


def main(extras: list[str]) -> int:
    """Print a line a distribution; 1 where one is refused."""
    refused = 0
    for name in sorted(distributions_of("auvseg", frozenset(extras), {})):
        licence = licence_of(name)
        found = verdict(name, licence)
        refused += found == "refused"
        print(f"{found:9}  {name} {metadata.version(name)}: {licence[:80]}")
    return min(refused, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
