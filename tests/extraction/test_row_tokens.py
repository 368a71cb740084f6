"""Rows as one model gets them: its prefix, its chat template, and the end that long rows lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictor.errors import RefusedError
from predictor.extraction.extractor import Extractor
from predictor.extraction.row_tokens import NO_TEMPLATE, row_tokens
from predictor.extraction.token_cut import Cut
from predictor.extraction.tokenizers import FileTokenizer, LibraryTokenizer
from predictor.query.chat import chat_text
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from tests.extraction.test_prompts import prompts
from tests.extraction.tiny import encoder_classifier, language_model, metaspace
from tests.weights import SENTENCES

CHAT = [{"role": "user", "content": "not bad"}, {"role": "assistant", "content": "good"}]
TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }}{{ eos_token }}{% endfor %}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(tmp_path_factory.mktemp("model"), metaspace)


def with_template(folder: Path, template: str = TEMPLATE) -> Path:
    language_model(folder, metaspace)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def features(folder: Path, cache: Path, texts: Any = SENTENCES, options: str = "", **settings: Any) -> FeatureSet:
    spec = read_spec(f"{folder}#layer=last{options}")
    (found,) = drain(Extractor(cache).features(spec, Pool.of(texts), Settings(precision="fp32", **settings)))
    return found


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        (Cut("right"), "01234"),
        (Cut("left"), "56789"),
        (Cut("middle"), "01289"),
        (Cut("left", 2), "01789"),
        (Cut("middle", 2), "01239"),
        (Cut("left", 99), "01239"),
    ],
)
def test_cut(cut: Cut, kept: str) -> None:
    """Five of ten tokens stay, a prefix among them, one token of the row at least."""
    assert "".join(cut.apply("0123456789", 5)) == kept
    assert "".join(cut.apply("0123", 5)) == "0123"


@pytest.mark.parametrize("kind", ["library", "file"])
def test_left_as_transformers(model: Path, kind: str) -> None:
    """Rows cut at their beginning are those of `truncation_side="left"`; the limit reported is the one that held."""
    tokenizer = LibraryTokenizer(model) if kind == "library" else FileTokenizer(model / "tokenizer.json")
    found = row_tokens(tokenizer, SENTENCES, RowForm(7, truncate="left"))
    library = LibraryTokenizer(model).library
    library.truncation_side = "left"
    wanted = library(list(SENTENCES), truncation=True, max_length=7)["input_ids"]
    assert [row.tolist() for row in found.rows] == wanted
    assert (found.limit, found.truncated) == (7, sum(len(row) > 7 for row in library(list(SENTENCES))["input_ids"]))


def test_middle_keeps_both_ends(model: Path) -> None:
    """Half of the tokens come from each end; the marks stay."""
    tokenizer = LibraryTokenizer(model)
    whole = row_tokens(tokenizer, SENTENCES, RowForm(999)).rows
    for row, cut in zip(whole, row_tokens(tokenizer, SENTENCES, RowForm(8, truncate="middle")).rows, strict=True):
        if len(row) > 8:
            assert cut.tolist() == [*row[:5], *row[-3:]]


def test_closing_marks_stay_with_every_cut(tmp_path: Path) -> None:
    """Two marks around a row stay whichever side is cut."""
    from tokenizers import Tokenizer, processors

    metaspace(tmp_path)
    fast = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    marks = [("<s>", 1), ("</s>", 2)]
    fast.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=marks)
    fast.save(str(tmp_path / "tokenizer.json"))
    for tokenizer in (LibraryTokenizer(tmp_path), FileTokenizer(tmp_path / "tokenizer.json")):
        for side in ("right", "left", "middle"):
            rows = row_tokens(tokenizer, SENTENCES, RowForm(6, truncate=side)).rows  # type: ignore[arg-type]
            assert all((row[0], row[-1]) == (1, 2) and len(row) <= 6 for row in rows)


def test_prefix_is_before_each_row(model: Path) -> None:
    """A prefix is part of the text, and stays where the beginning of a row is cut."""
    tokenizer = LibraryTokenizer(model)
    found = row_tokens(tokenizer, SENTENCES, RowForm(999, "good: ")).rows
    assert [row.tolist() for row in found] == tokenizer.library(["good: " + text for text in SENTENCES])["input_ids"]
    start = row_tokens(tokenizer, ["good:"], RowForm(999)).rows[0]
    for row in row_tokens(tokenizer, SENTENCES, RowForm(9, "good: ", "left")).rows:
        assert row[: len(start)].tolist() == start.tolist()


def test_conversations_go_through_the_model_s_own_template(tmp_path: Path) -> None:
    """Token ids are those of transformers' `apply_chat_template`; plain rows stay plain."""
    tokenizer = LibraryTokenizer(with_template(tmp_path))
    wanted = tokenizer.library.apply_chat_template(CHAT, tokenize=True, return_dict=False)
    plain = tokenizer.library("not bad")["input_ids"]
    found = row_tokens(tokenizer, [chat_text(CHAT), "not bad"], RowForm(99))
    assert [row.tolist() for row in found.rows] == [wanted, plain]
    assert found.notes == ()
    cut = row_tokens(tokenizer, [chat_text(CHAT), "not bad"], RowForm(5, truncate="left"))
    assert (cut.rows[0].tolist(), cut.limit, cut.truncated) == (wanted[-5:], 5, 1 + (len(plain) > 5))
    prefixed = [{**CHAT[0], "content": "q: not bad"}, CHAT[1]]
    assert row_tokens(tokenizer, [chat_text(CHAT)], RowForm(99, "q: ")).rows[0].tolist() == (
        tokenizer.library.apply_chat_template(prefixed, tokenize=True, return_dict=False)
    )


def test_conversations_without_a_template(model: Path, tmp_path: Path) -> None:
    """A model without a template gets paragraphs, and the answer says so."""
    found = row_tokens(LibraryTokenizer(model), [chat_text(CHAT)], RowForm(99))
    assert found.rows[0].tolist() == LibraryTokenizer(model).library("user: not bad\n\nassistant: good")["input_ids"]
    texts = [chat_text(CHAT), *SENTENCES]
    assert NO_TEMPLATE in features(model, tmp_path, texts).warnings


def test_template_that_refuses(tmp_path: Path) -> None:
    """A template that raises is that model's error, with the row."""
    folder = with_template(tmp_path, "{{ raise_exception('no system role') }}")
    with pytest.raises(RefusedError, match=r"row 1: the chat template of .* does not take this .*no system role"):
        row_tokens(LibraryTokenizer(folder), ["plain", chat_text(CHAT)], RowForm(99))


def test_features_are_stored_by_prefix_cut_and_template(tmp_path: Path) -> None:
    """Another prefix, cut or chat template reads the model anew; the same ones are cached."""
    folder, cache = with_template(tmp_path / "m"), tmp_path / "cache"
    texts = [chat_text(CHAT), *SENTENCES]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ('&prefix="q: "', {}),
        ('&prefix=""', {}),
        ("", {"truncate": "left", "max_length": 6}),
        ("", {"truncate": "middle", "max_length": 6}),
        ("", {"max_length": 6}),
    ]
    first = [features(folder, cache, texts, options, **settings) for options, settings in asked]
    assert not any(one.cached for one in first)
    assert len({one.fingerprint for one in first}) == len(asked)
    assert not np.allclose(first[0].values, first[1].values)
    assert [one.length_limit for one in first[3:]] == [6, 6, 6]
    for (options, settings), one in zip(asked, first, strict=True):
        again = features(folder, cache, texts, options, **settings)
        assert again.cached
        np.testing.assert_array_equal(again.values, one.values)
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("<|", "["))
    changed = features(folder, cache, texts)
    assert not changed.cached
    assert changed.fingerprint != first[0].fingerprint


def test_two_prefixes_of_one_model_in_one_request(tmp_path: Path, model: Path) -> None:
    """Candidates that share files are not read together where their rows differ."""
    specs = [read_spec(f'a={model}#layer=1&prefix="q: "'), read_spec(f"b={model}#layer=2")]
    pool, settings = Pool.of(SENTENCES), Settings(precision="fp32")
    extractor = Extractor(tmp_path)
    extractor.announce(specs, pool)
    together = [drain(extractor.features(spec, pool, settings))[0].values for spec in specs]
    alone = [drain(Extractor(tmp_path / "x").features(spec, pool, settings))[0].values for spec in specs]
    np.testing.assert_array_equal(together, alone)


def test_prefix_of_a_classifier(tmp_path: Path) -> None:
    """Labels by logits see the prefix too."""
    folder = encoder_classifier(tmp_path / "m")
    pool, extractor = Pool.of(SENTENCES), Extractor(tmp_path / "cache")
    found = {
        options: drain(extractor.labels(read_spec(f"{folder}#labels=logits{options}"), pool, Settings())).values
        for options in ("", '&prefix="good good "')
    }
    bare = drain(
        extractor.labels(
            read_spec(f"{folder}#labels=logits"), Pool.of(["good good " + t for t in SENTENCES]), Settings()
        )
    )
    np.testing.assert_allclose(found['&prefix="good good "'], bare.values)
    assert not np.allclose(found[""], bare.values)


def test_prefix_and_cut_of_a_prompt(model: Path) -> None:
    """Questions have the prefix, and lose the beginning of a row where that is asked for."""
    tokenizer = LibraryTokenizer(model)
    text = "bad " * 40 + "good"
    whole, _ = prompts(tokenizer, "a", "b", form=RowForm(256, "good ")).question("bad", 99, first=True)
    assert whole == prompts(tokenizer, "a", "b").question("good bad", 99, first=True)[0]
    left, cut = prompts(tokenizer, "a", "b", form=RowForm(256, truncate="left")).question(text, 30, first=True)
    assert cut
    assert "good" in tokenizer.library.decode(left)
    right, _ = prompts(tokenizer, "a", "b").question(text, 30, first=True)
    assert "good" not in tokenizer.library.decode(right)
    chat, _ = prompts(tokenizer, "a", "b").question(chat_text(CHAT), 99, first=True)
    assert "user: not bad" in tokenizer.library.decode(chat)
