"""Everything that goes wrong between a server and a file, with huggingface_hub as it is."""

import dataclasses
import shutil
from collections import namedtuple
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants

from auvseg._version import __version__
from auvseg.errors import WeightsError
from auvseg.weights.cache import location
from auvseg.weights.part import part_path
from auvseg.weights.pull import pull
from file_server import SHA256, SIZE, python, weights_bytes


def files_of(model):
    return sorted(path.name for path in location(model).parent.iterdir() if path.suffix != ".lock")


def interrupted_once(model, server, after=200_000):
    """A pull that got so many bytes and then gave up."""
    server.cut_after, server.status = [after], [200, 200, 404]
    with pytest.raises(WeightsError, match="HTTP 404"):
        pull(model)
    server.requests.clear()
    return part_path(location(model), SHA256).stat().st_size


def test_a_file_is_downloaded_and_verified(model, server):
    steps = []
    pulled = pull(model, on_bytes=lambda done, total: steps.append((done, total)))
    assert pulled.how == "downloaded"
    assert pulled.path.read_bytes() == server.content
    assert steps[0] == (0, SIZE)
    assert steps[-1] == (SIZE, SIZE)
    assert files_of(model) == ["model.safetensors"]


def test_what_is_here_is_not_asked_for_again(model, server):
    pull(model)
    server.requests.clear()
    assert pull(model).how == "here"
    assert server.requests == []


def test_an_interrupted_download_goes_on_by_itself(model, server):
    server.cut_after = [150_000, 100_000]
    assert pull(model).path.read_bytes() == server.content
    first, second, third = server.ranges_asked()
    assert first is None
    assert 0 < int(second[6:-1]) <= 150_000 < int(third[6:-1]) <= 250_000


def test_the_same_command_goes_on_where_it_stopped(model, server):
    there = interrupted_once(model, server)
    assert 100_000 < there <= 200_000
    pulled = pull(model)
    assert server.ranges_asked() == [f"bytes={there}-"]
    assert pulled.path.read_bytes() == server.content
    assert files_of(model) == ["model.safetensors"]


def test_a_server_without_ranges_sends_everything_again(model, server):
    server.ranges = False
    server.cut_after = [200_000]
    assert pull(model).path.read_bytes() == server.content
    assert len(server.ranges_asked()) == 2


def test_a_file_that_changed_between_two_parts_is_not_mixed(unpublished, server):
    interrupted_once(unpublished, server)
    server.content = weights_bytes(seed=7)
    assert pull(unpublished).path.read_bytes() == weights_bytes(seed=7)
    assert server.ranges_asked() == [None]
    assert files_of(unpublished) == ["model.safetensors", "model.safetensors.sha256"]


def test_a_server_that_hides_that_its_file_changed_is_not_believed(unpublished, server):
    interrupted_once(unpublished, server)
    server.etag, server.content = f'"{SHA256}"', weights_bytes(seed=7)
    with pytest.raises(WeightsError, match=r"stated by 127.0.0.1 .* not kept"):
        pull(unpublished)
    assert files_of(unpublished) == []


def test_a_part_longer_than_the_file_is_forgotten(model, server):
    part = part_path(location(model), SHA256)
    part.parent.mkdir(parents=True)
    part.write_bytes(server.content + b"more")
    assert pull(model).path.read_bytes() == server.content


def test_a_complete_part_is_not_asked_for(model, server):
    part = part_path(location(model), SHA256)
    part.parent.mkdir(parents=True)
    part.write_bytes(server.content)
    assert pull(model).path.read_bytes() == server.content
    assert server.requests == []


def test_another_file_of_the_same_size_is_not_kept(model, server):
    server.content = weights_bytes(seed=7)
    with pytest.raises(WeightsError, match=r"sha256 is .* published .* not kept"):
        pull(model)
    assert files_of(model) == []


@pytest.mark.parametrize("content", [weights_bytes() + b"x", weights_bytes()[:-1]])
def test_another_size_is_refused_before_the_first_byte(model, server, content):
    server.content = content
    with pytest.raises(WeightsError, match="the published file has 4000"):
        pull(model)
    assert files_of(model) == []
    assert server.ranges_asked() == []


def test_a_file_that_outgrows_its_announced_size_is_refused(model, server, monkeypatch):
    # The hub's word on the size comes with the redirect; what the other host sends is longer, and its length unsaid.
    server.location = [server.url.replace("127.0.0.1", "localhost")]
    pull_from = dataclasses.replace(model, hosts=("127.0.0.1", "localhost"))
    server.length = False

    def grow(done, total):
        server.content = weights_bytes() * 2

    with pytest.raises(WeightsError, match="more or fewer bytes"):
        pull(pull_from, on_bytes=grow)
    assert part_path(location(model), SHA256).stat().st_size <= SIZE


def test_a_connection_that_breaks_every_time_is_given_up(model, server):
    server.cut_after = [10] * 99
    with pytest.raises(WeightsError, match=r"same command again.*--from FILE"):
        pull(model)
    assert len(server.requests) < 40


@pytest.mark.parametrize("missing", [{"length": False}, {"etag": '"one"'}, {"etag": 'W/"one"'}])
def test_a_file_of_which_the_server_says_too_little_is_refused(unpublished, server, missing):
    for name, value in missing.items():
        setattr(server, name, value)
    with pytest.raises(WeightsError, match="does not say how large"):
        pull(unpublished)
    assert server.ranges_asked() == []


def test_a_page_instead_of_weights_is_not_recorded(unpublished, server):
    server.content = b"<html>Please log in</html>"
    with pytest.raises(WeightsError, match="a page"):
        pull(unpublished)
    assert files_of(unpublished) == []


def test_names_that_the_server_suggests_are_not_used(model, server, tmp_path):
    server.headers = {"Content-Disposition": 'attachment; filename="../../../evil.pt"'}
    assert pull(model).path.name == "model.safetensors"
    assert not list(tmp_path.rglob("evil*"))


def test_an_encoding_that_nobody_asked_for_is_refused(model, server):
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(WeightsError, match=r"cannot be asked .*decompress"):
        pull(model)
    assert not location(model).exists()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_no_is_final(model, server, status):
    server.status = [status] * 3
    with pytest.raises(WeightsError, match=f"HTTP {status}.*--from FILE"):
        pull(model)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [[500, 503], [200, 500, 200, 503], ["hang up", "hang up"], [200, "hang up"]])
def test_a_server_error_is_tried_again(model, server, status):
    server.status = status
    assert pull(model).how == "downloaded"


def test_a_server_that_always_fails_is_given_up(model, server):
    server.status = [500] * 99
    with pytest.raises(WeightsError, match="HTTP 500; run the same command again"):
        pull(model)
    assert len(server.requests) < 10


def test_a_silent_server_is_given_up(model, server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    server.delay_s = 600.0
    with pytest.raises(WeightsError, match=r"timed out.*same command"):
        pull(model)


def test_no_connection_says_what_to_do_by_hand(model):
    away = dataclasses.replace(model, url="http://127.0.0.1:9/model.safetensors")
    with pytest.raises(WeightsError, match=r"no connection to 127.0.0.1 .*refused.*:9/model.*--from FILE.*cache/toy"):
        pull(away)


def test_offline_is_not_even_tried(model, server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"HF_HUB_OFFLINE.*--from FILE"):
        pull(model)
    assert server.requests == []


def test_a_redirect_on_the_same_host_is_followed(model, server):
    server.location = ["/elsewhere", server.url, None, "/elsewhere", server.url]
    assert pull(model).path.read_bytes() == server.content
    assert [path for _, path, _ in server.requests][:3] == ["/model.safetensors", "/elsewhere", "/model.safetensors"]


def test_a_redirect_to_another_host_of_the_model_is_followed(model, server):
    """As the hub does it: what the file is stands in the redirect, and the file lies on another host."""
    elsewhere = server.url.replace("127.0.0.1", "localhost").replace("model", "blob")
    server.location = [elsewhere, elsewhere]
    assert pull(dataclasses.replace(model, hosts=("127.0.0.1", "localhost"))).path.read_bytes() == server.content
    assert [(method, path) for method, path, _ in server.requests] == [
        ("HEAD", "/model.safetensors"),
        ("GET", "/model.safetensors"),
        ("GET", "/blob.safetensors"),
    ]


@pytest.mark.parametrize("when", ["head", "get"])
@pytest.mark.parametrize(
    "location_header",
    [
        "http://localhost:{port}/model.safetensors",
        "https://127.0.0.1.example.org/model.safetensors",
        "https://example.org/model.safetensors",
        "//example.org/model.safetensors",
        "http://127.0.0.1@example.org/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1\\@example.org/",
        "http://me@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/model.safetensors",
    ],
)
def test_a_redirect_to_another_host_is_refused(model, server, location_header, when):
    target = location_header.format(port=urlsplit(server.url).port)
    server.location = [target] * 9 if when == "head" else [None, *[target] * 9]
    with pytest.raises(WeightsError, match=r"was not downloaded: .*(not asked|cannot be asked|no connection)"):
        pull(model)
    assert {path for _, path, _ in server.requests} == {"/model.safetensors"}
    assert files_of(model) in ([], [part_path(location(model), SHA256).name])


@pytest.mark.parametrize(
    "url", ["http://huggingface.co/x", "https://me:pw@huggingface.co/x", "https://huggingface.co:8443/x"]
)
def test_plain_http_is_for_this_machine_only(model, url):
    with pytest.raises(WeightsError, match="not a plain https one"):
        pull(dataclasses.replace(model, url=url, hosts=("huggingface.co",)))


def test_a_redirect_in_a_circle_ends(model, server):
    server.location = [server.url] * 99
    with pytest.raises(WeightsError, match="redirects"):
        pull(model)
    assert len(server.requests) < 30


def test_a_connection_that_is_not_what_it_says_is_refused(model, server):
    with pytest.raises(WeightsError, match=r"no connection to 127.0.0.1 .*SSL"):
        pull(dataclasses.replace(model, url=server.url.replace("http:", "https:")))


@pytest.mark.parametrize("content", ["", None])
def test_certificates_that_cannot_be_read_are_named(model, server, monkeypatch, tmp_path, content):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(WeightsError, match=r"bundle.pem: .*REQUESTS_CA_BUNDLE"):
        pull(model)
    assert server.requests == []


def test_the_proxy_of_the_environment_is_asked(model, server, monkeypatch):
    proxy = server.url.rsplit("/", 1)[0]
    for name, value in (("NO_PROXY", ""), ("no_proxy", ""), ("HTTP_PROXY", proxy), ("http_proxy", proxy)):
        monkeypatch.setenv(name, value)
    away = dataclasses.replace(model, url="http://localhost:9/model.safetensors", hosts=("localhost",))
    assert pull(away).path.read_bytes() == server.content
    assert {path for _, path, _ in server.requests} == {"http://localhost:9/model.safetensors"}


def test_a_proxy_that_does_not_answer_is_named(model, monkeypatch):
    proxy = "http://127.0.0.1:9"
    for name, value in (("NO_PROXY", ""), ("no_proxy", ""), ("HTTP_PROXY", proxy), ("http_proxy", proxy)):
        monkeypatch.setenv(name, value)
    away = dataclasses.replace(model, url="http://localhost:9/model.safetensors", hosts=("localhost",))
    with pytest.raises(WeightsError, match=r"proxy that the environment names .*refused"):
        pull(away)


def test_a_disk_without_room_is_told_before_the_first_byte(model, server, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 1000))
    with pytest.raises(WeightsError, match=r"0 MB free.*needed"):
        pull(model)
    assert files_of(model) == []
    assert server.ranges_asked() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_is_told(model, server):
    part = part_path(location(model), SHA256)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(WeightsError, match="the disk is full; free some space"):
        pull(model)
    assert not location(model).exists()


PRIVATE = """
import sys
import huggingface_hub  # with telemetry on, as the environment has it
from auvseg.weights.pull import pull
from file_server import toy_model
pull(toy_model(sys.argv[1]))
print(huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY)
"""


def test_nothing_but_the_file_is_asked_for_and_nothing_is_told(server, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    environment = {
        "HF_HUB_DISABLE_TELEMETRY": "",
        "DO_NOT_TRACK": "",
        "NETRC": str(tmp_path / "netrc"),
        "HF_TOKEN": "hf_secret",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_ENDPOINT": server.url.rsplit("/", 1)[0],
    }
    assert python(PRIVATE, server, **environment).communicate()[0].split() == ["False"]
    assert [(method, path) for method, path, _ in server.requests] == [
        ("HEAD", "/model.safetensors"),
        ("GET", "/model.safetensors"),
    ]
    for _, _, headers in server.requests:
        told = {name.lower(): value for name, value in headers.items()}
        assert told.keys() <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
        assert (told["user-agent"], told["accept-encoding"]) == (f"auvseg/{__version__}", "identity")
    assert not (tmp_path / "hub").exists()
