"""One HTTP request for one file: encrypted, only to hosts that are known to serve it, with a limit on every wait.

Redirects are followed one at a time, so that each host is looked at before it is asked. Proxies are those of the
environment (`HTTPS_PROXY`, `NO_PROXY`). No name and no password is ever sent.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from auvseg._version import __version__

_MOST_REDIRECTS = 5
# What is lost at most where a connection breaks.
_PIECE_BYTES = 1 << 16
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "its name cannot be resolved"),
    (TimeoutError, "nothing came for too long"),
    (urllib3.exceptions.ReadTimeoutError, "nothing came for too long"),
    (urllib3.exceptions.IncompleteRead, "the connection broke"),
)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask.

    Attributes:
        connect_s: for a connection.
        read_s: for the next bytes.
        attempts: requests for one file, the first included.
        pause_s: before the second attempt; twice as long before each further one.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    attempts: int = 5
    pause_s: float = 1.0


class RefusedError(Exception):
    """The answer is no: asking again is of no use."""


class NoConnectionError(Exception):
    """No server was reached."""


class BrokenOffError(Exception):
    """The server failed for now; asking again may help."""


@contextmanager
def open_response(
    url: str, hosts: tuple[str, ...], headers: Mapping[str, str], patience: Patience
) -> Iterator[requests.Response]:
    """Ask for a file; the body has not been read yet.

    Args:
        url: of the file.
        hosts: that may be asked, and redirected to; `.name` stands for every host below it.
        headers: of the request.
        patience: limits on waiting.

    Yields:
        A response with status 200, 206 or 416.

    Raises:
        RefusedError: a host that is not among `hosts`, a connection that is not encrypted, or a server that says no.
        NoConnectionError: no server was reached.
        BrokenOffError: the server failed for now.
    """
    with requests.Session() as session, _final(session, url, hosts, headers, patience) as response:
        yield response


def chunks(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives.

    Raises:
        BrokenOffError: the connection broke, or nothing came for too long.
    """
    try:
        yield from response.raw.stream(_PIECE_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise BrokenOffError(_reason(error)) from None


def _final(
    session: requests.Session, url: str, hosts: tuple[str, ...], headers: Mapping[str, str], patience: Patience
) -> requests.Response:
    """The answer after every redirect."""
    for _ in range(_MOST_REDIRECTS + 1):
        response = _get(session, _allowed(url, hosts), headers, patience)
        target = response.headers.get("Location")
        if not response.is_redirect or target is None:
            return _judged(response, url)
        response.close()
        url = _joined(url, target)
    raise RefusedError(f"{urlsplit(url).hostname} redirects more than {_MOST_REDIRECTS} times")


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        raise RefusedError(f"{urlsplit(url).hostname} redirects to something that is no address") from None


def _allowed(url: str, hosts: tuple[str, ...]) -> str:
    """The address as it was read here, so that whoever asks reads no other host in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedError("the server names something that is no address") from None
    host = (parts.hostname or "").rstrip(".")
    if not any(host == known or (known.startswith(".") and host.endswith(known)) for known in hosts):
        raise RefusedError(
            f"{host or 'an address without a host'} is not one of the hosts that serve this model, and was not asked"
        )
    if "@" in parts.netloc or "\\" in url:
        raise RefusedError(f"{host} was not asked, because its address holds more than a host and a path")
    encrypted = parts.scheme == "https" and port in (None, 443)
    if not encrypted and not (host in _THIS_MACHINE and parts.scheme in ("http", "https")):
        raise RefusedError(f"{host} was not asked, because its address is not a plain https one")
    return parts.geturl()


def _get(session: requests.Session, url: str, headers: Mapping[str, str], patience: Patience) -> requests.Response:
    sent = {"User-Agent": f"auvseg/{__version__}", "Accept-Encoding": "identity", **headers}
    try:
        return session.get(
            url,
            headers=sent,
            # Without it, requests would send what ~/.netrc holds for the host.
            auth=lambda request: request,
            allow_redirects=False,
            stream=True,
            timeout=(patience.connect_s, patience.read_s),
        )
    except requests.exceptions.SSLError as error:
        raise RefusedError(
            f"the certificate of {urlsplit(url).hostname} was not accepted ({_reason(error)}); where a proxy signs "
            "connections itself, set REQUESTS_CA_BUNDLE to its certificates"
        ) from None
    except requests.exceptions.ProxyError as error:
        raise NoConnectionError(f"the proxy that the environment names does not connect ({_reason(error)})") from None
    except requests.exceptions.ReadTimeout:
        raise BrokenOffError(f"no answer within {patience.read_s:g} s") from None
    except requests.exceptions.ConnectionError as error:
        if any(isinstance(one, urllib3.exceptions.ProtocolError) for one in error.args):
            raise BrokenOffError(f"{urlsplit(url).hostname} closed the connection") from None
        raise NoConnectionError(f"no connection to {urlsplit(url).hostname} ({_reason(error)})") from None
    except (requests.RequestException, ValueError) as error:
        # A ValueError is that of an address in a redirect, which requests reads though it does not follow it.
        raise RefusedError(f"{urlsplit(url).hostname} cannot be asked ({_reason(error)})") from None


def _judged(response: requests.Response, url: str) -> requests.Response:
    status = response.status_code
    if status == 416 or (status in (200, 206) and response.headers.get("Content-Encoding", "identity") == "identity"):
        return response
    response.close()
    host = urlsplit(url).hostname
    if status in _TRY_AGAIN:
        raise BrokenOffError(f"{host} answers HTTP {status}")
    if status in (200, 206):
        raise RefusedError(f"{host} sends the file in another encoding than asked for")
    if status in (404, 410):
        raise RefusedError(f"{host} does not have the file any more (HTTP {status})")
    raise RefusedError(f"{host} does not send the file (HTTP {status})")


def _reason(error: BaseException) -> str:
    """The innermost cause, whose words a person can use; the outer ones repeat addresses with signatures in them."""
    while (inner := _inside(error)) is not None:
        error = inner
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _inside(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    held = (reason, *error.args, error.__cause__)
    return next((one for one in held if isinstance(one, BaseException) and one is not error), None)
