"""Result files of benchmarks that go on where they stopped."""

from __future__ import annotations

from tests.benchmarks.sheet import continued


def test_rows_stay_and_are_known_again(tmp_path):
    path, columns = tmp_path / "found.csv", ("task", "split", "error")
    with continued(path, columns, columns[:2]) as sheet:
        assert not sheet.done
        sheet.write({"task": "a", "split": 0, "error": 0.123456})
        assert path.read_text() == "task,split,error\na,0,0.1235\n"
    with continued(path, columns, columns[:2]) as sheet:
        assert sheet.done == {("a", "0")}
        sheet.write({"task": "a", "split": 1, "error": 1.0})
    assert path.read_text() == "task,split,error\na,0,0.1235\na,1,1.0000\n"


def test_a_header_without_rows_is_not_written_twice(tmp_path):
    path, columns = tmp_path / "found.csv", ("task", "error")
    for _ in range(2):
        with continued(path, columns, columns[:1]) as sheet:
            assert not sheet.done
    assert path.read_text() == "task,error\n"
