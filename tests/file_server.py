"""A server of one file on this machine, which fails in the ways that servers and networks fail."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADER = json.dumps({"w": {"dtype": "U8", "shape": [400_000], "data_offsets": [0, 400_000]}}).encode()


@cache
def weights_bytes(seed=0):
    """A safetensors file of 400 kB."""
    return len(HEADER).to_bytes(8, "little") + HEADER + bytes((i * 31 + seed) % 251 for i in range(400_000))


@dataclass
class Answers:
    """What the server does next; lists hold one entry a request, and are used up.

    Attributes:
        content: the file.
        etag: its ETag; None sends none.
        ranges: whether Range is honoured.
        if_range: whether If-Range is honoured.
        cut_after: bytes after which the connection breaks; None does not break it.
        status: instead of the file; `hang up` answers nothing.
        location: where to send the client.
        length: the Content-Length to claim; 0 leaves it out.
        headers: sent too.
        delay_s: before the body's second half.
        requests: path and headers of everything asked.
    """

    content: bytes = field(default_factory=weights_bytes)
    etag: str | None = '"one"'
    ranges: bool = True
    if_range: bool = True
    cut_after: list = field(default_factory=list)
    status: list = field(default_factory=list)
    location: list = field(default_factory=list)
    length: int | None = None
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    requests: list = field(default_factory=list)
    url: str = ""

    def ranges_asked(self):
        return [headers.get("Range") for _, headers in self.requests]


class _Handler(BaseHTTPRequestHandler):
    answers: Answers

    def log_message(self, *_):
        pass

    def do_GET(self):
        answers = self.answers
        answers.requests.append((self.path, dict(self.headers)))
        status = answers.status.pop(0) if answers.status else 200
        if status == "hang up":
            self.close_connection = True
            return
        location = answers.location.pop(0) if answers.location else None
        if location is not None:
            status = 302
        if status != 200:
            self.send_response(status)
            if location is not None:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send_file(answers)

    def _send_file(self, answers):
        start = self._start(answers)
        if start is None:
            self.send_response(416)
            self.end_headers()
            return
        body = answers.content[start:]
        self.send_response(206 if start else 200)
        if start:
            whole = len(answers.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if answers.etag:
            self.send_header("ETag", answers.etag)
        if answers.length != 0:
            self.send_header("Content-Length", str(answers.length or len(body)))
        for name, value in answers.headers.items():
            self.send_header(name, value)
        self.end_headers()
        cut = answers.cut_after.pop(0) if answers.cut_after else None
        try:
            if answers.delay_s:
                self.wfile.write(body[: len(body) // 2])
                time.sleep(answers.delay_s)
                self.wfile.write(body[len(body) // 2 :])
            else:
                self.wfile.write(body if cut is None else body[:cut])
        except OSError:
            pass
        self.close_connection = True

    def _start(self, answers):
        asked = self.headers.get("Range")
        if not asked or not answers.ranges:
            return 0
        if answers.if_range and self.headers.get("If-Range") not in (None, answers.etag):
            return 0
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        return start if start < len(answers.content) else None


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
