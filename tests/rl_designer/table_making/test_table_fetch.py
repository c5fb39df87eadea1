"""`table fetch`: published tables, downloaded once and verified."""

import gzip
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rl_designer.envs.datasets.published.originals import Content, Package
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.table_making import published as table_fetch
from tests.helpers.command_line import runner
from tests.helpers.tables import MACRO, same_values, shared


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RL_DESIGNER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "macro.json").write_text(json.dumps(MACRO))
    return tmp_path


@pytest.fixture
def command(capsys):
    return runner(capsys)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def server(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


def served(monkeypatch, address, data):
    """`nas-bench-macro` at another address, with the checksum of other data."""
    published = table_fetch.PUBLISHED["nas-bench-macro"]
    content = Content(len(data), hashlib.sha256(data).hexdigest())
    package = Package("macro.json", {"macro.json": content}, most_bytes=len(data))
    source = replace(published.source, addresses=(address,), packages=(package,))
    table = replace(published, source=source)
    monkeypatch.setattr(table_fetch, "PUBLISHED", {**table_fetch.PUBLISHED, "nas-bench-macro": table})


def test_fetch_downloads_once_verifies_and_converts(here, command, monkeypatch):
    data = Path("macro.json").read_bytes()
    (here / "web").mkdir()
    (here / "web" / "macro.json").write_bytes(data)
    with server(here / "web") as address:
        served(monkeypatch, address, data)
        done = command("table", "fetch", "nas-bench-macro", "--json")
    assert (
        done.status == 0 and done.json["output"] == "nas-bench-macro.npz" and done.json["architectures"] == 2
    )
    again = command("table", "fetch", "nas-bench-macro", "--output", "again.npz")  # without the server
    assert again.status == 0
    same_values(ArchitectureTable.load("again.npz"), ArchitectureTable.load("nas-bench-macro.npz"), ["flops"])


def test_what_is_not_the_original_is_refused(here, command, monkeypatch):
    data = Path("macro.json").read_bytes()
    with server(here) as address:
        served(monkeypatch, address, data.replace(b"89.5", b"99.5"))
        done = command("table", "fetch", "nas-bench-macro")
    assert done.status == 1 and "is not the original" in done.err and "--data-folder" in done.err
    assert not Path("nas-bench-macro.npz").exists()


def test_fetch_takes_the_file_from_a_folder(here, command, monkeypatch):
    served(monkeypatch, "http://127.0.0.1:9/", Path("macro.json").read_bytes())
    assert command("table", "fetch", "nas-bench-macro", "--data-folder", here).status == 0
    missing = command("table", "fetch", "nas-bench-macro", "--data-folder", here / "no")
    assert missing.status == 1 and "no such folder" in missing.err


def test_an_unknown_published_table_is_told_from_the_known_ones(here, command):
    done = command("table", "fetch", "nas-bench-makro")
    assert done.status == 2 and "Did you mean 'nas-bench-macro'?" in done.err


@pytest.mark.parametrize("name", table_fetch.PUBLISHED)
def test_the_published_tables_are_the_originals_here(name):
    files = {"nas-bench-macro": "nas-bench-macro_cifar10.json", "nats-bench-200": "nats_bench.csv.gz"}
    path = shared(f"original/{files[name]}")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    (package,) = table_fetch.PUBLISHED[name].source.packages
    (content,) = package.contents.values()
    assert content == Content(len(data), hashlib.sha256(data).hexdigest())
