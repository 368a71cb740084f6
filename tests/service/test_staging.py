"""StagedFile: what an earlier stream left is taken up, and no more than was declared."""

from __future__ import annotations

from server.staging import StagedFile


def test_what_lies_beyond_the_declared_size_is_cut_before_it_is_taken_up(tmp_path):
    path = tmp_path / "staged"
    path.write_bytes(b"abcdef")
    taken: list[bytes] = []
    file = StagedFile(path, 4, "part", taken.append)
    file.begin()
    file.close()
    assert (taken, file.received) == ([b"abcd"], 4)
    assert path.read_bytes() == b"abcd"
