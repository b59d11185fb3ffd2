"""Whether processes still run, for the tests of the pool."""

import os
import time


def wait_until_gone(process_ids, patience_s=60.0):
    """The processes that still run after some patience."""
    until = time.monotonic() + patience_s
    alive = set(process_ids)
    while alive and time.monotonic() < until:
        alive = {number for number in alive if is_alive(number)}
        time.sleep(0.01)
    return alive


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
