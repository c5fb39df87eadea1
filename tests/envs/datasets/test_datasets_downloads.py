"""Published data sets: original files found, verified, downloaded; all against a server on this machine."""

import gzip
import hashlib
import io
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError
from rl_designer.envs.datasets.preparation import prepare
from rl_designer.envs.datasets.published import formats as published
from rl_designer.envs.datasets.published import originals
from rl_designer.envs.datasets.published.originals import Content, Package, Source

IMAGES = {"train": (30, 4, 4), "t10k": (10, 4, 4)}


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def small_files():
    """A data set in MNIST's format, small: file name to contents."""
    generator = np.random.default_rng(0)
    files = {}
    for prefix, shape in IMAGES.items():
        files[f"{prefix}-images-idx3-ubyte"] = idx(generator.integers(0, 256, shape))
        files[f"{prefix}-labels-idx1-ubyte"] = idx(np.arange(shape[0]) % 2)
    return files


FILES = small_files()


def content(data):
    return Content(len(data), hashlib.sha256(data).hexdigest())


def source_at(*addresses, system_folders=()):
    packages = tuple(
        Package(f"{name}.gz", {name: content(data)}, most_bytes=len(data) + 200)
        for name, data in FILES.items()
    )
    return Source("small", addresses, packages, tuple(map(str, system_folders)), ("even", "odd"))


def put(folder, packed=True, **changed):
    """Writes the files into a folder; `changed` replaces contents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    for name, data in changed.items():
        (folder / name).write_bytes(data)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    requests: list = []  # noqa: RUF012 (replaced by each server)

    def do_GET(self):
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


class Short(Quiet):
    """Promises whole files and hangs up halfway."""

    def do_GET(self):
        data = (Path(self.directory) / self.path.strip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])


@contextmanager
def server(folder, handler=Quiet):
    seen = type("Seen", (handler,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(seen, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/", seen.requests
        running.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RL_DESIGNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "small"


NOBODY = "http://127.0.0.1:9/"  # the discard port, where nothing listens


def refusal(source, folder=None):
    with pytest.raises(DatasetError) as error:
        originals.contents_of(source, folder)
    assert "\n" not in str(error.value)
    return str(error.value)


# -- downloads -------------------------------------------------------------------------------------


def test_a_data_set_is_downloaded_once_and_then_read_from_the_cache(tmp_path, cache):
    with server(put(tmp_path / "web")) as (address, requests):
        first = originals.contents_of(source_at(address))
        assert len(requests) == 4
        assert originals.contents_of(source_at(address)) == first == FILES
        assert len(requests) == 4
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{name}.gz" for name in FILES)


def test_mirrors_are_tried_in_order(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    with server(put(tmp_path / "web")) as (good, _), server(tmp_path / "empty") as (empty, requests):
        assert originals.contents_of(source_at(NOBODY, empty, good)) == FILES
        assert len(requests) == 4


def test_without_a_server_the_error_names_address_reason_and_remedy(cache):
    text = refusal(source_at(NOBODY))
    assert f"small could not be downloaded from {NOBODY}train-images-idx3-ubyte.gz (" in text
    assert "Connection refused" in text
    assert "name it with --data-folder" in text


def test_a_missing_file_is_reported_with_its_status(tmp_path, cache):
    with server(tmp_path) as (address, _):
        assert "(404 " in refusal(source_at(address))


WRONG = {
    "another-content": (gzip.compress(FILES["train-images-idx3-ubyte"][:-1] + b"?"), "SHA-256"),
    "too-short": (gzip.compress(b"short"), "only 5 bytes"),
    "too-long": (gzip.compress(FILES["train-images-idx3-ubyte"] + b"more"), "more than"),
    "not-packed": (b"<html>please log in</html>", "is damaged"),
    "cut": (gzip.compress(FILES["train-images-idx3-ubyte"])[:-40], "is damaged"),
    "endless": (b"x" * 100_000, "is longer than"),
    "empty": (b"", "only 0 bytes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_download_is_never_kept(tmp_path, cache, wrong):
    data, why = WRONG[wrong]
    web = put(tmp_path / "web", **{"train-images-idx3-ubyte.gz": data})
    with server(web) as (address, _):
        text = refusal(source_at(address))
    assert why in text
    assert ".part" not in text
    assert list(cache.iterdir()) == []


def test_a_download_that_breaks_off_is_never_kept(tmp_path, cache):
    with server(put(tmp_path / "web"), Short) as (address, _):
        assert "could not be downloaded" in refusal(source_at(address))
    assert list(cache.iterdir()) == []


def test_a_wrong_mirror_gives_way_to_the_next(tmp_path, cache):
    wrong = put(tmp_path / "wrong", **{"train-labels-idx1-ubyte.gz": b"?"})
    with server(wrong) as (first, _), server(put(tmp_path / "web")) as (second, requests):
        assert originals.contents_of(source_at(first, second)) == FILES
        assert requests == ["/train-labels-idx1-ubyte.gz"]


def test_a_damaged_file_in_the_cache_is_downloaded_anew(tmp_path, cache):
    put(cache, **{"t10k-labels-idx1-ubyte.gz": b"damaged"})
    with server(put(tmp_path / "web")) as (address, requests):
        assert originals.contents_of(source_at(address)) == FILES
        assert requests == ["/t10k-labels-idx1-ubyte.gz"]
        assert originals.contents_of(source_at(NOBODY)) == FILES


def test_a_cache_that_can_not_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RL_DESIGNER_CACHE", str(tmp_path / "file"))
    text = refusal(source_at(NOBODY))
    assert "can't be written" in text
    assert "RL_DESIGNER_CACHE" in text


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"RL_DESIGNER_CACHE": "/own"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/rl-designer"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/rl-designer"),
        ({}, "/home/me/.cache/rl-designer"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, variables, folder):
    for name in ("RL_DESIGNER_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/me"} | variables).items():
        monkeypatch.setenv(name, value)
    assert originals.cache_folder() == Path(folder)


# -- folders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_the_users_folder_comes_first(tmp_path, cache, packed):
    own = put(tmp_path / "own", packed=packed)
    assert originals.contents_of(source_at(NOBODY), own) == FILES
    assert not cache.exists()


def test_a_file_that_was_packed_anew_is_still_the_original(tmp_path, cache):
    data = gzip.compress(FILES["train-images-idx3-ubyte"], compresslevel=1, mtime=1)
    own = put(tmp_path / "own", **{"train-images-idx3-ubyte.gz": data})
    assert originals.contents_of(source_at(NOBODY), own) == FILES


def test_a_folder_of_the_operating_system_is_looked_in(tmp_path, cache):
    source = source_at(NOBODY, system_folders=[tmp_path / "nowhere", put(tmp_path / "system")])
    assert originals.contents_of(source) == FILES


def test_a_damaged_file_of_the_operating_system_is_passed_over(tmp_path, cache):
    system = put(tmp_path / "system", **{"t10k-labels-idx1-ubyte.gz": b"damaged"})
    put(cache)
    assert originals.contents_of(source_at(NOBODY, system_folders=[system])) == FILES


@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_file_in_the_users_folder_is_named(tmp_path, cache, packed):
    name = "train-labels-idx1-ubyte" + (".gz" if packed else "")
    data = FILES["train-labels-idx1-ubyte"][:-1] + b"?"
    own = put(tmp_path / "own", packed=packed, **{name: gzip.compress(data) if packed else data})
    text = refusal(source_at(NOBODY), own)
    assert f"{str(own / name)!r} is not the original: SHA-256" in text
    assert "--data-folder" in text


def test_a_users_folder_without_the_files_is_named_where_nothing_else_has_them(tmp_path, cache):
    text = refusal(source_at(NOBODY), tmp_path)
    assert f"{str(tmp_path)!r} doesn't hold train-images-idx3-ubyte.gz, and small could not be" in text


def test_a_users_folder_that_does_not_exist_is_refused(tmp_path, cache):
    assert "no such folder" in refusal(source_at(NOBODY), tmp_path / "nowhere")


def test_a_file_that_can_not_be_opened_is_named(tmp_path, cache, monkeypatch):
    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    own = put(tmp_path / "own", packed=False)
    monkeypatch.setattr("pathlib.Path.open", denied)
    assert "can't be read: Permission denied" in refusal(source_at(NOBODY), own)


# -- formats ---------------------------------------------------------------------------------------


def test_a_set_in_the_format_of_mnist_becomes_grey_images(tmp_path, cache):
    raw = published.load_idx_set(source_at(NOBODY), put(tmp_path / "own"))
    dataset = prepare(raw, None, 0)
    assert (dataset.kind, dataset.input_shape, dataset.class_names) == ("image", (1, 4, 4), ("even", "odd"))
    assert (len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])) == (24, 6, 10)


def cifar(n, seed):
    generator = np.random.default_rng(seed)
    records = generator.integers(0, 256, (n, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(n) % 10
    return records.tobytes()


BATCHES = {f"data_batch_{i}.bin": cifar(10, i) for i in range(1, 6)} | {"test_batch.bin": cifar(10, 9)}


def archive(path, members):
    """A .tar.gz of (name, contents) or of TarInfo."""
    with tarfile.open(path, "w:gz") as file:
        for name, data in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def cifar_source(path, *addresses):
    package = Package(
        path.name,
        {name: content(data) for name, data in BATCHES.items()},
        most_bytes=10**6,
        tar_folder="batches",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    return Source("small", addresses, (package,), (), None)


MEMBERS = [(f"batches/{name}", data) for name, data in BATCHES.items()]


def test_the_format_of_cifar10_becomes_colour_images(tmp_path, cache):
    path = archive(tmp_path / "set.tar.gz", [("batches/readme.html", b"hello"), *MEMBERS])
    raw = published.load_cifar10(cifar_source(path), tmp_path)
    first = np.frombuffer(BATCHES["data_batch_1.bin"], np.uint8)[1:3073].reshape(3, 32, 32)
    assert np.array_equal(raw.x["train"][0], first)
    assert raw.y["train"].tolist() == list(range(10)) * 5
    assert raw.x["test"].shape == (10, 3, 32, 32)
    assert prepare(raw, None, 0).input_shape == (3, 32, 32)


def test_an_archive_is_downloaded_verified_and_cached(tmp_path, cache):
    (tmp_path / "web").mkdir()
    path = archive(tmp_path / "web" / "set.tar.gz", MEMBERS)
    with server(path.parent) as (address, _):
        assert originals.contents_of(cifar_source(path, address)) == BATCHES
    assert originals.contents_of(cifar_source(path, NOBODY)) == BATCHES


@pytest.mark.parametrize("place", ["", "batches"])
def test_an_unpacked_archive_is_found(tmp_path, cache, place):
    path = archive(tmp_path / "set.tar.gz", MEMBERS)
    own = tmp_path / "own"
    (own / place).mkdir(parents=True)
    for name, data in BATCHES.items():
        (own / place / name).write_bytes(data)
    assert originals.contents_of(cifar_source(path, NOBODY), own) == BATCHES


def test_an_archive_that_is_not_the_original_is_not_opened(tmp_path, cache, monkeypatch):
    path = archive(tmp_path / "set.tar.gz", MEMBERS)
    source = cifar_source(path)
    path.write_bytes(path.read_bytes() + b"\0")
    monkeypatch.setattr(tarfile, "open", None)
    assert "is not the original: SHA-256" in refusal(source, tmp_path)


def test_nothing_of_an_archive_is_written_and_only_named_files_are_read(tmp_path, cache):
    link = tarfile.TarInfo("batches/test_batch.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    strangers = [("../test_batch.bin", b"?"), ("/test_batch.bin", b"?"), ("other/test_batch.bin", b"?")]
    (tmp_path / "own").mkdir()
    path = archive(tmp_path / "own" / "set.tar.gz", [*strangers, *MEMBERS[:-1], (link, b"")])
    assert "is not the original: test_batch.bin is missing" in refusal(cifar_source(path), path.parent)
    assert [entry.name for entry in tmp_path.iterdir()] == ["own"]
    path = archive(path, [*strangers, *MEMBERS])
    assert originals.contents_of(cifar_source(path), path.parent) == BATCHES


def test_a_member_of_another_size_is_refused(tmp_path, cache):
    path = archive(tmp_path / "set.tar.gz", [*MEMBERS[:-1], ("batches/test_batch.bin", b"x" * 99_999)])
    assert "more than 30730 bytes" in refusal(cifar_source(path), tmp_path)
