"""Every promise of the page names tests that exist, and every mutation applies."""

import ast
import re
from pathlib import Path

import pytest

from tests.chaos.mutations import MUTATIONS

TESTS = Path(__file__).parents[1]
PAGE = (Path(__file__).parent / "promises.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]
ROWS = [line.split("|")[1:3] for line in LINES]


def functions(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_has_a_test():
    assert len(ROWS) > 40
    for promise, tests in ROWS:
        named = re.findall("`([^`]+)`", tests)
        assert named, promise
        for one in named:
            file, _, name = one.partition("::")
            assert name in functions(file) if name else (TESTS / f"{file}.py").is_file(), one


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.guard)
def test_mutation_applies(mutation):
    """The guard is in the source, and the test that misses it is there; `tests.chaos.mutations` runs them."""
    assert mutation.old in (TESTS.parent / mutation.file).read_text(encoding="utf-8")
    file, _, name = mutation.test.removeprefix("tests/").partition("::")
    assert name.partition("[")[0] in functions(file) if name else (TESTS / file).is_file()
