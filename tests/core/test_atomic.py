"""Files are whole or as they were: failures in the block, full disks, forbidden places."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_histosynth.core.errors import LabelMapError, SaveError
from napari_histosynth.io import atomic_path


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """Give a file that is there already, and check at the end that it is untouched and alone."""
    path = tmp_path / "kept.bin"
    path.write_bytes(b"old result")
    yield path
    assert path.read_bytes() == b"old result"
    assert os.listdir(tmp_path) == ["kept.bin"]


def test_a_new_file_appears_with_its_content_and_nothing_else(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new.txt") as temporary:
        temporary.write_text("all")
        assert not (tmp_path / "new.txt").exists()
    assert (tmp_path / "new.txt").read_text() == "all"
    assert os.listdir(tmp_path) == ["new.txt"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_temporary_lies_beside_the_file_and_has_its_suffix(tmp_path: Path) -> None:
    with atomic_path(str(tmp_path / "picture.png")) as temporary:
        temporary.touch()
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        assert temporary.name != "picture.png"


def test_two_writers_of_one_file_do_not_share_a_temporary(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the outer block ends last
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError("no"), LabelMapError("no"), KeyboardInterrupt()])
def test_any_failure_leaves_the_old_file_and_passes_on_unchanged(kept: Path, error: BaseException) -> None:
    def write() -> None:
        with atomic_path(kept) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may not write"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "input/output error"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_with_the_path(kept: Path, code: int, said: str) -> None:
    def write() -> None:
        with atomic_path(kept) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(SaveError) as caught:
        write()
    message = str(caught.value)
    assert str(kept) in message
    assert said in message
    assert "\n" not in message


def test_a_disk_that_is_full_only_when_flushed_leaves_the_old_file(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="disk is full"), atomic_path(kept) as temporary:
        temporary.write_bytes(b"whole, but not on the disk yet")


def test_a_refused_replacement_leaves_the_old_file(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SaveError, match="may not write"), atomic_path(kept) as temporary:
        temporary.write_bytes(b"new")


def test_a_block_that_writes_nothing_leaves_the_old_file(kept: Path) -> None:
    with pytest.raises(SaveError), atomic_path(kept):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="there are no file size limits on Windows")
def test_a_file_beyond_the_size_limit_leaves_the_old_file(kept: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(SaveError, match="larger than"), atomic_path(kept) as temporary:
            temporary.write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FILL_A_DISK = """
import os, sys
import numpy as np
from napari_histosynth.core.errors import SaveError
from napari_histosynth.io import atomic_path, save_image

os.chdir(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)  # 120 kB, incompressible
save_image("old.png", noise[:60, :60])
before = open("old.png", "rb").read()
try:
    save_image("old.png", noise)
except SaveError as error:
    assert "the disk is full" in str(error), error
else:
    sys.exit("no error")
assert open("old.png", "rb").read() == before
assert os.listdir() == ["old.png"], os.listdir()
print("survived")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small disk of its own, made by Linux's unshare")
def test_a_really_full_disk_leaves_the_old_picture(tmp_path: Path) -> None:
    # A mount in a namespace of its own: gone with the process, and open to users other than root.
    mount = f"mount -t tmpfs -o size=64k tmpfs '{tmp_path}'"
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*inside, mount], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("this system does not let one mount a small disk")
    command = f'{mount} && exec "$0" -c "$1" \'{tmp_path}\''
    done = subprocess.run(
        [*inside, command, sys.executable, FILL_A_DISK], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "survived", done.stderr


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(SaveError, match=r"no folder .*absent; create it"),
        atomic_path(tmp_path / "absent" / "x"),
    ):
        pass


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="it is a folder"), atomic_path(tmp_path):
        pass


def test_a_name_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="too long"), atomic_path(tmp_path / ("n" * 300)) as temporary:
        temporary.touch()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_mode_of_an_old_file_is_kept_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o600)
    (tmp_path / "plain").touch()
    for name in ("old", "new"):
        with atomic_path(tmp_path / name) as temporary:
            temporary.write_text("x")
    assert old.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    link.symlink_to(target)
    with atomic_path(link) as temporary:
        temporary.write_text("x")
    assert link.is_symlink()
    assert target.read_text() == "x"
