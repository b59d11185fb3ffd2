"""How long the fuzz tests run: a bounded, repeatable number of examples by default, more by AUVSEG_FUZZ.

AUVSEG_FUZZ=20 python -m pytest tests/fuzz -m "slow or not slow"    twenty times as many, new ones every time
"""

import os

from hypothesis import HealthCheck, settings

_FACTOR = int(os.environ.get("AUVSEG_FUZZ", "0"))


def effort(examples: int) -> settings:
    """Settings of a test that makes so many examples in CI."""
    return settings(
        max_examples=examples * max(_FACTOR, 1),
        derandomize=_FACTOR == 0,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
