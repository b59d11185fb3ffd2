"""Download a weights file with huggingface_hub, which sends the requests, resumes and retries.

huggingface_hub has one HTTP client and one set of constants per process. During a download that client contacts only
the model's hosts, and telemetry is off.

`hf_hub_download` is not used: it deletes partial downloads of interrupted processes, and hf_xet, which it prefers,
opens its own connections, which cannot be restricted to a list of hosts.
"""

import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from logging import ERROR
from pathlib import Path
from threading import Lock
from urllib.request import getproxies

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, set_client_factory
from huggingface_hub import logging as hub_logging
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get

from auvseg._version import __version__
from auvseg.errors import WeightsError
from auvseg.weights.cache import by_hand
from auvseg.weights.models import Model
from auvseg.weights.part import OnBytes, PartFile, part_path, part_size, storage_error

_USER_AGENT = f"auvseg/{__version__}"
_CA_BUNDLE = "REQUESTS_CA_BUNDLE"
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_SHA256 = re.compile("[0-9a-f]{64}")
# What a broken connection loses at most; huggingface_hub's own 10 MB are too many for a slow line.
_CHUNK_BYTES = 1 << 16
_PAUSES_S = (1.0, 2.0, 4.0)
_RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)

_one_download = Lock()


class NotAskedError(httpx2.RequestError):
    """An address that is not one of the model's."""


def download(model: Model, target: Path, expected: str | None, on_bytes: OnBytes) -> tuple[Path, str]:
    """Download a model's file into a part file beside `target`.

    The part is named by the sha256 that the whole file must have, so that nothing of another file is added to it.

    Args:
        model: of the catalogue.
        target: where the file will be.
        expected: sha256 of the file; None takes the one that the server states.
        on_bytes: told of every chunk.

    Returns:
        The part, complete but not hashed, and the sha256 that it must have.

    Raises:
        WeightsError: no connection, no space, an address that is not the model's, or a server that has another file.
            What was received stays.
    """
    if expected is not None and part_size(part := part_path(target, expected)) == model.size_bytes:
        return part, expected
    with _guarded_hub(model.hosts):
        pauses_s = iter(_PAUSES_S)
        while True:
            try:
                size_bytes, sha256 = _offer(model, expected)
                part = part_path(target, sha256)
                with PartFile(part, size_bytes, on_bytes) as file:
                    http_get(model.url, file, resume_size=file.tell(), expected_size=size_bytes)
                return part, sha256
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                problem, may_pass = _problem(error, model)
                pause_s = next(pauses_s, None)
                if pause_s is None or not may_pass:
                    again = "run the same command again, it goes on where it stopped; " if may_pass else ""
                    raise _refused(model, f"{problem}; {again}{by_hand(model)}") from None
                time.sleep(pause_s)
            except OSError as error:
                if error.errno is None:  # PartFile's or http_get's, and no matter of the disk
                    raise _refused(model, f"{model.host} sent more or fewer bytes than it announced") from None
                raise storage_error(target.parent, error) from None


def _offer(model: Model, expected: str | None) -> tuple[int, str]:
    """Size in bytes and sha256 of the file that the server has.

    Raises:
        WeightsError: it is another file than the published one, or the server does not say which.
    """
    # The user agent that huggingface_hub makes up names the versions on this machine.
    offered = get_hf_file_metadata(model.url, token=False, headers={"user-agent": _USER_AGENT})
    # The hub's ETag of a large file is its sha256.
    stated = offered.etag if _SHA256.fullmatch(offered.etag or "") else None
    sha256 = expected or stated
    if sha256 is None or offered.size is None:
        raise _refused(model, f"{model.host} does not say how large the file is and which sha256 it has: is it a page?")
    if model.size_bytes not in (None, offered.size):
        raise _refused(model, f"{model.host} offers {offered.size} bytes, the published file has {model.size_bytes}")
    return offered.size, sha256


def _refused(model: Model, reason: str) -> WeightsError:
    return WeightsError(f"{model.title} was not downloaded: {reason}")


@contextmanager
def _guarded_hub(hosts: tuple[str, ...]) -> Iterator[None]:
    """Let huggingface_hub ask these hosts alone, send no telemetry, and write what it receives at once."""
    make_client = partial(
        httpx2.Client,
        event_hooks={"request": [partial(_require_known, hosts)]},
        follow_redirects=True,
        headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"},
        verify=_certificates(),
    )
    with _one_download:
        kept = constants.HF_HUB_DISABLE_TELEMETRY, constants.DOWNLOAD_CHUNK_SIZE
        verbosity = hub_logging.get_verbosity()
        set_client_factory(make_client)
        constants.HF_HUB_DISABLE_TELEMETRY, constants.DOWNLOAD_CHUNK_SIZE = True, _CHUNK_BYTES
        hub_logging.set_verbosity(ERROR)
        try:
            yield
        finally:
            # What huggingface_hub takes by default, but for headers that let the hub count.
            set_client_factory(partial(httpx2.Client, follow_redirects=True, timeout=None))
            constants.HF_HUB_DISABLE_TELEMETRY, constants.DOWNLOAD_CHUNK_SIZE = kept
            hub_logging.set_verbosity(verbosity)


def _require_known(hosts: tuple[str, ...], request: httpx2.Request) -> None:
    """Look at an address before it is asked; those of redirects come here too.

    Raises:
        NotAskedError: it is not one of the model's, or not encrypted.
    """
    url = request.url
    if not any(url.host == known or (known.startswith(".") and url.host.endswith(known)) for known in hosts):
        raise NotAskedError(f"{url.host or 'an address without a host'} does not serve this model, and was not asked")
    encrypted = url.scheme == "https" and url.port in (None, 443)
    local = url.scheme in ("http", "https") and url.host in _THIS_MACHINE
    if url.userinfo or not (encrypted or local):
        raise NotAskedError(f"{url.host} was not asked, because its address is not a plain https one")


def _certificates() -> ssl.SSLContext | bool:
    """The authorities of $REQUESTS_CA_BUNDLE; True stands for those of the system.

    Raises:
        WeightsError: the file or folder that it names cannot be read.
    """
    bundle = os.environ.get(_CA_BUNDLE)
    if not bundle:
        return True
    try:
        if Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise WeightsError(f"{bundle}: no certificates can be read ({error.strerror}); see {_CA_BUNDLE}") from None


def _problem(error: Exception, model: Model) -> tuple[str, bool]:
    """What went wrong, and whether asking again may help."""
    if isinstance(error, HfHubHTTPError):  # its own words repeat addresses with signatures in them
        status = error.response.status_code
        return f"{error.response.url.host} answers HTTP {status}", status in _RETRY_STATUS
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        # http_get has tried again, or there was no connection from the start: a person should be told at once.
        through = " through the proxy that the environment names" if getproxies().keys() - {"no"} else ""
        signed = f"; where a proxy signs connections itself, set {_CA_BUNDLE}" if "CERTIFICATE" in str(error) else ""
        return f"no connection to {model.host}{through} ({error}){signed}", False
    return f"{model.host} cannot be asked ({error})", isinstance(error, httpx2.TransportError)
