"""`auvseg weights` as a user meets it, with a server on this machine in place of Hugging Face."""

import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.doctor import cached_weights
from auvseg.errors import UsageError, WeightsError
from auvseg.weights import models as catalogue
from auvseg.weights.cache import location
from file_server import SHA256, SIZE, serving, toy_model, weights_bytes


@pytest.fixture
def server():
    with serving() as answers:
        yield answers


@pytest.fixture(autouse=True)
def toy(server, tmp_path, monkeypatch):
    """A catalogue of two small models, one of them without a published sha256, and a cache of its own."""
    monkeypatch.setenv("AUVSEG_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    toy = toy_model(server.url, size_bytes=SIZE, sha256=SHA256)
    other = toy_model(server.url, name="unpublished")
    monkeypatch.setattr(catalogue, "MODELS", (toy, other))
    return toy


def invoke(*arguments, **options):
    return CliRunner().invoke(app, ["weights", *map(str, arguments)], **options)


def row(output, name):
    return next(" ".join(line.split()) for line in output.splitlines() if line.startswith(name))


def test_list_names_size_terms_and_place(toy):
    output = invoke("list").output
    assert row(output, "toy") == "toy 0 MB yes not downloaded CC BY-NC-ND 4.0"
    assert row(output, "unpublished") == "unpublished not stated yes not downloaded CC BY-NC-ND 4.0"
    assert invoke("pull", "toy", "--accept-licence").exit_code == 0
    assert "in the cache, verified" in row(invoke("list").output, "toy")
    assert invoke("pull", "unpublished", "--accept-licence").exit_code == 0
    assert "in the cache, as recorded" in row(invoke("list").output, "unpublished")


def test_pull_prints_the_path_alone_on_standard_output(toy, server):
    result = invoke("pull", "toy", "--accept-licence")
    assert result.exit_code == 0
    assert result.stdout.strip() == str(location(toy))
    assert "CC BY-NC-ND 4.0; research only: yes; https://example.org/licence" in result.stderr
    assert f"downloaded, sha256 {toy.sha256}" in result.stderr


def test_a_first_sha256_is_told(server):
    assert "this one is recorded" in invoke("pull", "unpublished", "--accept-licence").stderr


def test_without_a_terminal_the_licence_needs_the_option(server):
    result = invoke("pull", "toy")
    assert isinstance(result.exception, UsageError)
    assert "--accept-licence" in str(result.exception)
    assert server.requests == []


@pytest.mark.parametrize(("answer", "accepted"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_in_a_terminal_the_licence_is_asked_for(server, monkeypatch, answer, accepted):
    monkeypatch.setattr("auvseg.cli.weights.is_interactive", lambda: True)
    result = invoke("pull", "toy", input=answer)
    assert (bool(server.requests), result.exit_code == 0) == (accepted, accepted)
    if not accepted:
        assert "nothing was downloaded" in str(result.exception)


def test_a_licence_once_accepted_is_not_asked_for_again(toy, server):
    server.status = [404]
    assert isinstance(invoke("pull", "toy", "--accept-licence").exception, WeightsError)
    assert invoke("pull", "toy").exit_code == 0


def test_a_file_fetched_by_hand_needs_no_connection(toy, server, tmp_path):
    (tmp_path / "file").write_bytes(weights_bytes())
    assert invoke("pull", "toy", "--from", tmp_path / "file", "--accept-licence").exit_code == 0
    assert server.requests == []


def test_verify_tells_sound_missing_and_other_files_apart(toy):
    assert invoke("verify").exit_code == 0
    missing = invoke("verify", "toy")
    assert (missing.exit_code, "run: auvseg weights pull toy" in missing.stderr) == (1, True)
    invoke("pull", "toy", "--accept-licence")
    assert invoke("verify", "toy").exit_code == 0
    assert toy.sha256 in invoke("verify").stdout
    location(toy).write_bytes(b"other")
    other = invoke("verify")
    assert (other.exit_code, "DIFFERS" in other.stdout, "delete it" in other.stderr) == (1, True, True)


def test_an_unknown_model_lists_the_known_ones():
    for command in (("pull", "nothing", "--accept-licence"), ("verify", "nothing")):
        assert "toy, unpublished" in str(invoke(*command).exception)


@pytest.mark.parametrize("command", ["list", "pull", "verify"])
def test_every_command_has_help_with_an_example(command):
    assert f"Example: auvseg weights {command}" in " ".join(invoke(command, "--help").output.split())


def test_doctor_tells_of_weights_in_the_cache(toy):
    assert list(cached_weights()) == []
    invoke("pull", "toy", "--accept-licence")
    (found,) = cached_weights()
    assert (found.what, found.state, found.found) == ("Toy weights", "ok", "toy: verified")
    location(toy).write_bytes(b"other")
    (found,) = cached_weights()
    assert (found.state, "delete it" in found.advice) == ("problem", True)
