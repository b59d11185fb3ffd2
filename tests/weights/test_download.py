"""Everything that goes wrong between a server and a file."""

import dataclasses
import errno
import shutil
from collections import namedtuple
from urllib.parse import urlsplit

import pytest

from auvseg.errors import WeightsError
from auvseg.weights import download as download_module
from auvseg.weights.cache import location
from auvseg.weights.pull import pull
from auvseg.weights.transport import Patience
from file_server import weights_bytes

SIZE = len(weights_bytes())


def files_of(model):
    return sorted(path.name for path in location(model).parent.iterdir() if path.suffix != ".lock")


def interrupted_once(model, server, patience, after=200_000):
    """A pull that got so many bytes and then gave up."""
    server.cut_after = [after]
    with pytest.raises(WeightsError, match="it goes on where it stopped"):
        pull(model, patience=dataclasses.replace(patience, attempts=1))
    return location(model).with_name("model.safetensors.part").stat().st_size


def test_a_file_is_downloaded_and_verified(model, server, patience):
    steps = []
    pulled = pull(model, patience=patience, on_bytes=lambda done, total: steps.append((done, total)))
    assert pulled.how == "downloaded"
    assert pulled.path.read_bytes() == server.content
    assert steps[0] == (0, SIZE)
    assert steps[-1] == (SIZE, SIZE)
    assert files_of(model) == ["model.safetensors"]


def test_what_is_here_is_not_asked_for_again(model, server, patience):
    pull(model, patience=patience)
    assert pull(model, patience=patience).how == "here"
    assert len(server.requests) == 1


def test_an_interrupted_download_goes_on_by_itself(model, server, patience):
    server.cut_after = [150_000, 100_000]
    assert pull(model, patience=patience).path.read_bytes() == server.content
    first, second, third = server.ranges_asked()
    assert first is None
    assert 0 < int(second[6:-1]) <= 150_000 < int(third[6:-1]) <= 250_000
    assert server.requests[1][1]["If-Range"] == '"one"'


def test_the_same_command_goes_on_where_it_stopped(model, server, patience):
    there = interrupted_once(model, server, patience)
    pulled = pull(model, patience=patience)
    assert server.ranges_asked() == [None, f"bytes={there}-"]
    assert pulled.path.read_bytes() == server.content
    assert files_of(model) == ["model.safetensors"]


def test_a_server_without_ranges_sends_everything_again(model, server, patience):
    server.ranges = False
    server.cut_after = [200_000]
    assert pull(model, patience=patience).path.read_bytes() == server.content


@pytest.mark.parametrize("etag", [None, 'W/"one"', '"two\twords"'])
def test_without_a_strong_etag_a_download_starts_again(model, server, patience, etag):
    server.etag = etag
    server.cut_after = [200_000]
    assert pull(model, patience=patience).path.read_bytes() == server.content
    assert server.ranges_asked() == [None, None]


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_between_two_parts_is_not_mixed(unpublished, server, patience, if_range):
    interrupted_once(unpublished, server, patience)
    server.content, server.etag, server.if_range = weights_bytes(seed=7), '"two"', if_range
    assert pull(unpublished, patience=patience).path.read_bytes() == weights_bytes(seed=7)


def test_a_part_longer_than_the_file_is_forgotten(unpublished, server, patience):
    interrupted_once(unpublished, server, patience)
    server.content, server.if_range = weights_bytes()[:150_000], False
    # A safetensors header that promises more than there is shows only when the file is loaded.
    assert pull(unpublished, patience=patience).path.stat().st_size == 150_000


def test_a_complete_part_is_not_asked_for(model, server, patience):
    part = location(model).with_name("model.safetensors.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(server.content)
    assert pull(model, patience=patience).path.read_bytes() == server.content
    assert server.requests == []


def test_another_file_of_the_same_size_is_not_kept(model, server, patience):
    server.content = weights_bytes(seed=7)
    with pytest.raises(WeightsError, match=r"sha256 is .* published .* not kept"):
        pull(model, patience=patience)
    assert files_of(model) == []


@pytest.mark.parametrize("change", [-1, 1])
def test_another_size_is_refused_before_the_first_byte(model, server, patience, change):
    server.content = weights_bytes() + b"x" if change > 0 else weights_bytes()[:-1]
    with pytest.raises(WeightsError, match="the published file has 4000"):
        pull(model, patience=patience)
    assert files_of(model) == []


def test_a_connection_that_breaks_every_time_is_given_up(model, server, patience):
    server.cut_after = [10, 10, 10]
    with pytest.raises(WeightsError, match=r"same command again.*--from FILE"):
        pull(model, patience=patience)
    assert len(server.requests) == 3


def test_a_size_that_nobody_states_is_refused(unpublished, server, patience):
    server.length = 0
    with pytest.raises(WeightsError, match="does not say how large"):
        pull(unpublished, patience=patience)


def test_a_page_instead_of_weights_is_not_recorded(unpublished, server, patience):
    server.content = b"<html>Please log in</html>"
    with pytest.raises(WeightsError, match="a page"):
        pull(unpublished, patience=patience)
    assert files_of(unpublished) == []


def test_names_that_the_server_suggests_are_not_used(model, server, patience, tmp_path):
    server.headers = {"Content-Disposition": 'attachment; filename="../../../evil.pt"'}
    assert pull(model, patience=patience).path.name == "model.safetensors"
    assert not list(tmp_path.rglob("evil*"))


def test_an_encoding_that_nobody_asked_for_is_refused(model, server, patience):
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(WeightsError, match="encoding"):
        pull(model, patience=patience)


@pytest.mark.parametrize(("status", "words"), [(404, "any more"), (410, "any more"), (403, "HTTP 403"), (401, "HTTP")])
def test_a_no_is_final(model, server, patience, status, words):
    server.status = [status] * 3
    with pytest.raises(WeightsError, match=words):
        pull(model, patience=patience)
    assert len(server.requests) == 1


def test_a_server_error_is_tried_again(model, server, patience):
    server.status = [500, 503]
    assert pull(model, patience=patience).how == "downloaded"
    server.status = [500] * 9
    with pytest.raises(WeightsError, match="HTTP 500"):
        pull(dataclasses.replace(model, name="other"), patience=patience)


def test_a_silent_server_is_given_up(model, server):
    server.delay_s = 600.0
    impatient = Patience(connect_s=60.0, read_s=0.15, attempts=2, pause_s=0.0)
    with pytest.raises(WeightsError, match="too long"):
        pull(model, patience=impatient)


def test_no_connection_says_what_to_do_by_hand(model, patience):
    away = dataclasses.replace(model, url="http://127.0.0.1:9/model.safetensors")
    with pytest.raises(
        WeightsError,
        match=r"no connection to 127.0.0.1 .Connection refused..*:9/model.*--from FILE.*cache/toy",
    ):
        pull(away, patience=patience)


def test_a_connection_that_is_refused_after_a_break_is_tried_again(model, server, patience, monkeypatch):
    from auvseg.weights.transport import NoConnectionError

    real, refusals = download_module.open_response, [NoConnectionError("no connection"), None]

    def refused_second_time(*arguments):
        if server.requests and (refusal := refusals.pop(0)):
            raise refusal
        return real(*arguments)

    monkeypatch.setattr(download_module, "open_response", refused_second_time)
    server.cut_after = [200_000]
    assert pull(model, patience=patience).path.read_bytes() == server.content
    assert refusals == []


def test_a_server_that_hangs_up_is_asked_again(model, server, patience):
    server.status = ["hang up", "hang up"]
    assert pull(model, patience=patience).how == "downloaded"
    assert len(server.requests) == 3


def test_offline_is_not_even_tried(model, server, patience, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"HF_HUB_OFFLINE.*--from FILE"):
        pull(model, patience=patience)
    assert server.requests == []


def test_a_redirect_to_a_known_host_is_followed(model, server, patience):
    server.location = ["/elsewhere", server.url]
    assert pull(model, patience=patience).path.read_bytes() == server.content
    assert [path for path, _ in server.requests] == ["/model.safetensors", "/elsewhere", "/model.safetensors"]


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
def test_a_redirect_to_another_host_is_refused(model, server, patience, location_header):
    server.location = [location_header.format(port=urlsplit(server.url).port)]
    with pytest.raises(WeightsError, match=r"was not downloaded: .*(not asked|no address|cannot be asked)"):
        pull(model, patience=patience)
    assert len(server.requests) == 1


def test_plain_http_is_for_this_machine_only(model, patience):
    for url in ("http://huggingface.co/x", "https://me:secret@huggingface.co/x", "https://huggingface.co:8443/x"):
        plain = dataclasses.replace(model, url=url, hosts=("huggingface.co",))
        with pytest.raises(WeightsError, match=r"not a plain https one|more than a host"):
            pull(plain, patience=patience)


def test_a_connection_that_is_not_what_it_says_is_refused(model, server, patience):
    with pytest.raises(WeightsError, match=r"certificate of 127.0.0.1 was not accepted"):
        pull(dataclasses.replace(model, url=server.url.replace("http:", "https:")), patience=patience)


def test_a_redirect_in_a_circle_ends(model, server, patience):
    server.location = [server.url] * 9
    with pytest.raises(WeightsError, match="redirects more than 5 times"):
        pull(model, patience=patience)


def test_no_password_is_sent(model, server, patience, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    pull(model, patience=patience)
    assert "Authorization" not in server.requests[0][1]


def test_the_proxy_of_the_environment_is_asked(model, server, patience, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, server.url.rsplit("/", 1)[0])
    away = dataclasses.replace(model, url="http://localhost:9/model.safetensors", hosts=("localhost",))
    assert pull(away, patience=patience).path.read_bytes() == server.content
    assert server.requests[0][0] == "http://localhost:9/model.safetensors"


def test_a_proxy_that_does_not_answer_is_named(model, patience, monkeypatch):
    for name, value in (("NO_PROXY", ""), ("no_proxy", ""), ("HTTP_PROXY", "http://127.0.0.1:9")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    away = dataclasses.replace(model, url="http://localhost:9/model.safetensors", hosts=("localhost",))
    with pytest.raises(WeightsError, match=r"proxy that the environment names does not connect .Connection"):
        pull(away, patience=patience)


def test_a_disk_without_room_is_told_before_the_first_byte(model, server, patience, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 1000))
    with pytest.raises(WeightsError, match=r"0 MB free.*needed"):
        pull(model, patience=patience)
    assert files_of(model) == ["model.safetensors.part.etag"]


def test_a_disk_that_fills_up_keeps_what_was_written(model, server, patience, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(download_module.os, "fsync", fsync)
        patched.setattr(download_module.atomic, "write_text", lambda path, text: path.write_text(text))
        with pytest.raises(WeightsError, match="the disk is full; free some space"):
            pull(model, patience=patience)
    assert "model.safetensors" not in files_of(model)
    assert pull(model, patience=patience).path.read_bytes() == server.content
