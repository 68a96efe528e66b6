import hashlib
import http.server
import threading
import time

import pytest
from checkpoints import write_small

import download_checkpoint
from runs import store
from system import storage
from system.terminal import Problem


class Server(http.server.ThreadingHTTPServer):
    """Serves one file on the loopback, as badly as a test asks for."""

    content = b""
    status = 200
    reason = None
    announced = None  # length in the header; None for the true one, False for none
    cut_at = None  # bytes after which the connection breaks
    silent = False
    asked = ()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.asked += (self.path,)
        if server.silent:
            time.sleep(3)
            return
        body = server.content
        self.send_response(server.status, server.reason)
        if server.announced is not False:
            self.send_header("Content-Length", str(server.announced or len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut_at])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as opened:
        thread = threading.Thread(target=opened.serve_forever, args=(0.01,))
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A checkpoint of the published form that takes some 170 blocks."""
    path = tmp_path_factory.mktemp("served") / "g04-features.hdf5"
    write_small(path, 20, 256, 128)
    return path.read_bytes()


def address(server, name="g04-features.hdf5"):
    return f"http://127.0.0.1:{server.server_port}/files/{name}"


def download(folder, url, *options):
    return download_checkpoint.main(["--data", str(folder), "--url", url, *options])


def list_names(folder):
    return sorted(path.name for path in (folder / "checkpoints").glob("*"))


def check_refusal(folder, url, words, *options):
    with pytest.raises(Problem) as refusal:
        download(folder, url, *options)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    target = download_checkpoint.find_target(folder, url)
    assert not target.exists()


def test_a_checkpoint_arrives_whole(server, content, tmp_path, capsys):
    server.content = content
    digest = hashlib.sha256(content).hexdigest()
    assert download(tmp_path, address(server), "--sha256", digest.upper()) in (None, 0)
    assert digest in capsys.readouterr().out
    assert list_names(tmp_path) == ["g04-features.hdf5"]
    assert store.find_run(tmp_path, "g04-features").read_bytes() == content


def test_what_exists_is_replaced_only_when_told(server, content, tmp_path):
    server.content = content
    target = tmp_path / "checkpoints" / "g04-features.hdf5"
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(Problem, match="--overwrite"):
        download(tmp_path, address(server))
    assert server.asked == ()
    server.content = b"<html>"
    with pytest.raises(Problem, match="web page"):
        download(tmp_path, address(server), "--overwrite")
    assert target.read_bytes() == b"mine"
    server.content = content
    download(tmp_path, address(server), "--overwrite")
    assert target.read_bytes() == content


def test_a_broken_transfer_leaves_nothing(server, content, tmp_path):
    server.content = content
    server.cut_at = len(content) // 2
    check_refusal(tmp_path, address(server), "Give the command again")
    assert list_names(tmp_path) == []
    server.cut_at = None
    download(tmp_path, address(server))
    assert store.find_run(tmp_path, "g04-features").read_bytes() == content


def test_what_is_too_large_is_refused(server, tmp_path):
    server.announced = 10**10
    check_refusal(tmp_path, address(server), "no checkpoint")


def test_two_downloads_at_once_do_not_mix(server, content, tmp_path):
    server.content = content
    target = tmp_path / "checkpoints" / "g04-features.hdf5"
    with storage.claim(target):
        check_refusal(tmp_path, address(server), "works on")
    download(tmp_path, address(server))
    assert target.read_bytes() == content


@pytest.mark.parametrize(
    ("served", "words"),
    [
        (b"<!DOCTYPE html><html>login</html>", "web page"),
        (b"", "an empty file"),
        (b"\x80\x04\x95 pickled", "pickled"),
        (b"PK\x03\x04 zip", "found zip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "damaged"),
    ],
)
def test_wrong_content_is_removed(server, tmp_path, served, words):
    server.content = served
    check_refusal(tmp_path, address(server), words)
    assert list_names(tmp_path) == []


def test_another_digest_is_refused(server, content, tmp_path):
    server.content = content
    check_refusal(tmp_path, address(server), "sha256", "--sha256", "0" * 64)
    assert list_names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500])
def test_what_the_server_answers_is_said(server, tmp_path, status):
    server.status = status
    check_refusal(tmp_path, address(server), str(status))


def test_a_silent_server_is_not_waited_for(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download_checkpoint, "TIMEOUT", 0.3)
    server.silent = True
    check_refusal(tmp_path, address(server), "no answer")


def test_no_server_is_said(server, tmp_path):
    check_refusal(tmp_path, "http://127.0.0.1:9/a.h5", "is there internet?")


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd.h5", "a.h5", "http:///a.h5", "http://a.org/a.keras"),
        *("http://a.org/a", "http://a.org", "http://a.org/my%00net.h5"),
        "http://a.org/%2e%2e%5cg05.h5",
    ],
)
def test_addresses_of_something_else_are_refused(tmp_path, url):
    with pytest.raises(Problem, match="--url"):
        download(tmp_path, url)


def test_names_stay_in_the_folder(tmp_path):
    url = "http://a.org/%2e%2e%2f%2e%2e%2fg05.h5"
    target = download_checkpoint.find_target(tmp_path, url)
    assert target == tmp_path / "checkpoints" / "g05.h5"
