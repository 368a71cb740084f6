"""What was checked is what is read, whatever is swapped in afterwards."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import LimitError, NotFoundError, RefusedError, W2SError
from predictor.models.digests import file_digest
from predictor.models.open_files import MAX_FILES, HeldFiles
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.extraction.test_onnx import TABLE, extract, make_graph

MINE, SECRET = np.zeros((9, 2)), np.ones((9, 2))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with arrays of zeros, beside a secret of ones."""
    for folder, values in (("root/deep", MINE), ("secret", SECRET)):
        (tmp_path / folder).mkdir(parents=True)
        np.save(tmp_path / folder / "a.npy", values)
    return tmp_path / "root"


@pytest.fixture
def held(root: Path) -> Iterator[HeldFiles]:
    with closing(HeldFiles("array:deep/a.npy", [root])) as files:
        yield files


def path_in(files: HeldFiles) -> Path:
    return Path(ModelReference.parse(files.reference).locator)


@pytest.mark.parametrize("what", ["file", "folder", "rename"])
def test_a_link_that_is_swapped_in_after_the_check_is_not_followed(root: Path, held: HeldFiles, what: str) -> None:
    secret = root.parent / "secret"
    if what == "file":
        (root / "deep" / "a.npy").unlink()
        os.symlink(secret / "a.npy", root / "deep" / "a.npy")
    elif what == "folder":
        os.rename(root / "deep", root / "was")
        os.symlink(secret, root / "deep")
    else:
        os.replace(secret / "a.npy", root / "deep" / "a.npy")
    assert np.load(path_in(held)).sum() == 0
    assert np.load(root / "deep" / "a.npy").sum() > 0


def test_a_link_that_is_swapped_in_between_check_and_opening_reads_as_absent(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from predictor.models import open_files as module

    real = module.confine

    def then_swap(text: str, roots: list[Path]) -> str:
        answer = real(text, roots)
        os.rename(root / "deep", root / "was")
        os.symlink(root.parent / "secret", root / "deep")
        return answer

    monkeypatch.setattr(module, "confine", then_swap)
    with pytest.raises(NotFoundError, match=r"'array:deep/a\.npy' does not exist in the folders"):
        HeldFiles("array:deep/a.npy", [root])


def test_a_link_that_is_swapped_in_between_a_look_and_the_opening_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def then_swap(name: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        answer = real(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if dir_fd is not None and name == "a.npy":
            os.unlink(root / "deep" / "a.npy")
            os.symlink(root.parent / "secret" / "a.npy", root / "deep" / "a.npy")
        return answer

    monkeypatch.setattr(os, "stat", then_swap)
    with pytest.raises(NotFoundError):
        HeldFiles("array:deep/a.npy", [root])


def test_a_pipe_that_is_swapped_in_keeps_nobody_waiting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from predictor.models import open_files as module

    real = module.confine

    def then_swap(text: str, roots: list[Path]) -> str:
        answer = real(text, roots)
        (root / "deep" / "a.npy").unlink()
        os.mkfifo(root / "deep" / "a.npy")
        return answer

    monkeypatch.setattr(module, "confine", then_swap)
    with pytest.raises(NotFoundError):
        HeldFiles("array:deep/a.npy", [root])


def test_links_inside_the_root_are_held_by_what_they_lead_to(root: Path) -> None:
    os.symlink("deep/a.npy", root / "b.npy")
    with closing(HeldFiles("array:b.npy", [root])) as files:
        os.remove(root / "b.npy")
        os.symlink(root.parent / "secret" / "a.npy", root / "b.npy")
        assert np.load(path_in(files)).sum() == 0


def test_a_digest_is_that_of_the_held_file(root: Path, held: HeldFiles, tmp_path: Path) -> None:
    before = file_digest(root / "deep" / "a.npy")
    (root / "deep" / "a.npy").unlink()
    os.symlink(root.parent / "secret" / "a.npy", root / "deep" / "a.npy")
    assert file_digest(path_in(held), tmp_path / "cache") == before


def test_beside_a_graph_and_above_it_nothing_outside_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    make_graph(tmp_path / "root" / "onnx")
    (tmp_path / "root" / "onnx" / "w2s_tokenizer.json").unlink()
    os.symlink(tmp_path / "tokenizer.json", tmp_path / "root" / "onnx" / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "root" / "onnx" / "vocab.txt").unlink()
    text = "onnx:onnx/model.onnx"
    with closing(HeldFiles(text, [tmp_path / "root"])) as files:
        assert resolve(ModelReference.parse(files.reference), tmp_path / "c").tokenizer_files == ()
    (tmp_path / "root" / "onnx" / "tokenizer.json").unlink()
    (tmp_path / "root" / "tokenizer.json").write_text("{}")
    for root, seen in ((tmp_path / "root", 1), (tmp_path / "root" / "onnx", 0)):
        with closing(HeldFiles(f"onnx:{tmp_path}/root/onnx/model.onnx", [root])) as files:
            artefact = resolve(ModelReference.parse(files.reference), tmp_path / "c")
            assert len(artefact.tokenizer_files) == seen


@pytest.mark.parametrize("location", [None, "table.bin"])
def test_a_held_graph_gives_the_features_of_the_plain_one(tmp_path: Path, location: str | None) -> None:
    plain = make_graph(tmp_path / "m", location=location)
    if location:
        (tmp_path / "m" / location).write_bytes(TABLE.tobytes())
    (expected,) = extract(plain, ("CC", "N", "CO"), tmp_path / "one")
    with closing(HeldFiles(plain, [tmp_path])) as files:
        (found,) = extract(files.reference, ("CC", "N", "CO"), tmp_path / "two")
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.fingerprint == expected.fingerprint


def test_messages_name_what_the_caller_named(root: Path, held: HeldFiles) -> None:
    path = path_in(held)
    assert held.told(f"{str(path)!r} is odd; so is array:{path}.") == "'deep/a.npy' is odd; so is array:deep/a.npy."


def test_letting_go_leaves_nothing_behind(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    files = HeldFiles("array:deep/a.npy", [root])
    top = path_in(files).parents[2]
    assert top.is_dir()
    files.close()
    assert not top.exists()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.EMFILE, "TOO_MANY_FILES"), (errno.ENOSPC, "STORAGE_FULL"), (errno.ELOOP, "MODEL_NOT_FOUND")],
)
def test_what_the_system_refuses_is_the_models_fault_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    def refuse(*place: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    for name in ("mkdtemp", "TemporaryDirectory"):
        monkeypatch.setattr("tempfile." + name, refuse)
    with pytest.raises(W2SError) as caught:
        HeldFiles("array:deep/a.npy", [root])
    assert caught.value.reason == reason


def test_half_a_model_is_never_held(root: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (root / "large").mkdir()
    for number in range(40):
        (root / "large" / f"{number}").touch()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    try:
        with pytest.raises(LimitError, match="cannot be opened beside the files of the other models") as caught:
            HeldFiles("large", [root])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.reason == "TOO_MANY_FILES"


def test_a_folder_of_too_many_files_is_refused(root: Path) -> None:
    (root / "many").mkdir()
    for number in range(MAX_FILES + 1):
        (root / "many" / f"{number}").touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RefusedError, match=f"more than {MAX_FILES} files; keep the model in one of its own"):
        HeldFiles("many", [root])
    assert len(os.listdir("/proc/self/fd")) == before
