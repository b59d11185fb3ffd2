"""A server of one file on this machine, which answers as the Hugging Face hub does and fails as networks do."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from auvseg.weights.models import Model

HEADER = json.dumps({"w": {"dtype": "U8", "shape": [400_000], "data_offsets": [0, 400_000]}}).encode()


@cache
def weights_bytes(seed=0):
    """A safetensors file of 400 kB."""
    return len(HEADER).to_bytes(8, "little") + HEADER + bytes((i * 31 + seed) % 251 for i in range(400_000))


SIZE = len(weights_bytes())
SHA256 = hashlib.sha256(weights_bytes()).hexdigest()


def toy_model(url, **facts):
    """A model that the server has; nobody publishes its size and sha256."""
    toy = {
        "name": "toy",
        "title": "Toy",
        "what": "a toy",
        "url": url,
        "file_name": "model.safetensors",
        "licence": "CC BY-NC-ND 4.0",
        "licence_url": "https://example.org/licence",
        "research_only": "yes",
        "hosts": ("127.0.0.1",),
    }
    return Model(**{**toy, **facts})


def python(code, server, **environment):
    """Another Python, which can import this file, and is told the server's address."""
    found = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": found, **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code, server.url], stdout=subprocess.PIPE, text=True, env=environment
    )


@dataclass
class Answers:
    """What the server does next; a list holds one entry a request, and is used up.

    Attributes:
        content: the file.
        etag: its ETag; None sends its sha256, as the hub does.
        ranges: whether Range is honoured.
        cut_after: bytes after which a download breaks; None does not break it.
        status: instead of the file; `hang up` answers nothing, 200 sends the file.
        location: where to send the client; None sends the file.
        length: whether to say how large the file is.
        headers: sent too.
        delay_s: before the second half of a download.
        requests: method, path and headers of everything asked.
    """

    content: bytes = field(default_factory=weights_bytes)
    etag: str | None = None
    ranges: bool = True
    cut_after: list = field(default_factory=list)
    status: list = field(default_factory=list)
    location: list = field(default_factory=list)
    length: bool = True
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    requests: list = field(default_factory=list)
    url: str = ""

    def ranges_asked(self):
        return [headers.get("Range") for method, _, headers in self.requests if method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    answers: Answers

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        answers = self.answers
        answers.requests.append((self.command, self.path, dict(self.headers)))
        self.close_connection = True
        status = answers.status.pop(0) if answers.status else 200
        location = answers.location.pop(0) if answers.location else None
        if status == "hang up":
            return
        if location is not None:
            linked = {"X-Linked-Size": len(answers.content), "X-Linked-ETag": self._etag()}
            self._begin(302, {"Location": location, **linked, "Content-Length": 0})
        elif status != 200:
            self._begin(status, {"Content-Length": 0})
        else:
            self._send_file(answers)

    def _send_file(self, answers):
        asked = self.headers.get("Range") if answers.ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body, whole = answers.content[start:], len(answers.content)
        headers = {"ETag": self._etag(), **({"Content-Length": len(body)} if answers.length else {})}
        if start:
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        self._begin(206 if start else 200, {**headers, **answers.headers})
        if self.command == "GET":
            self._send_body(answers, body)

    def _send_body(self, answers, body):
        cut = answers.cut_after.pop(0) if answers.cut_after else None
        try:
            if answers.delay_s:
                self.wfile.write(body[: len(body) // 2])
                threading.Event().wait(answers.delay_s)
                self.wfile.write(body[len(body) // 2 :])
            else:
                self.wfile.write(body[:cut])
        except OSError:
            pass

    def _etag(self):
        return self.answers.etag or f'"{hashlib.sha256(self.answers.content).hexdigest()}"'

    def _begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


@contextmanager
def serving(**options):
    """Serve until the block ends."""
    answers = Answers(**options)
    handler = type("Handler", (_Handler,), {"answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    answers.url = f"http://127.0.0.1:{server.server_address[1]}/model.safetensors"
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
