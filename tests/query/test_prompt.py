"""Wording: what is asked of a language model, and what is refused before one is asked."""

import pytest

from predictor.errors import InputError
from predictor.intake.request import build_query
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import TEMPLATE, LabelPrompt, read_label_prompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings

WORDS = LabelPrompt(("no", "yes"))


def test_the_word_follows_behind_the_white_space_that_ends_the_template():
    assert (WORDS.question("a b"), WORDS.answer("yes"), WORDS.anchor) == ("a b\nLabel:", " yes", "\nLabel:")
    spaced = LabelPrompt(("no", "yes"), "{text} = \n")
    assert (spaced.question("x"), spaced.answer("no")) == ("x =", " \nno")
    bare = LabelPrompt(("no", "yes"), "Q: {text}  ")
    assert (bare.question("x "), bare.answer("no"), bare.anchor) == ("Q: x ", "  no", "")


def test_braces_of_the_template_and_of_the_row_are_text():
    odd = LabelPrompt(("no", "yes"), '{"row": "{text}", "label":')
    assert odd.question("a {text} {0}") == '{"row": "a {text} {0}", "label":'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "0 label word"),
        (("one",), "1 label word"),
        (tuple(str(i) for i in range(65)), "65 label word"),
        (("a", ""), "'' must have 1 to 100 characters"),
        (("a", " b"), "' b' must have 1 to 100 characters and no blank at its ends"),
        (("a", "b" * 101), "must have 1 to 100 characters"),
        (("a", "b", "a"), "'a' is given twice"),
    ],
)
def test_words_that_cannot_stand_for_classes_are_refused(words, message):
    with pytest.raises(InputError, match=message):
        LabelPrompt(words)


@pytest.mark.parametrize("template", ["", "no place", "{text} and {text}", "x" * 4000 + "{text}"])
def test_a_prompt_needs_one_place_for_the_row(template):
    with pytest.raises(InputError, match=r"places for the row; give at most 4000 characters with \{text\} once"):
        LabelPrompt(("no", "yes"), template)


def test_words_come_as_a_list_or_joined_by_commas():
    assert read_label_prompt("no, yes", None) == WORDS == read_label_prompt(["no", "yes"], TEMPLATE)
    assert read_label_prompt(["a,b", "c"], None).words == ("a,b", "c")
    assert read_label_prompt(None, None) is None
    with pytest.raises(InputError, match="a prompt is given without label words"):
        read_label_prompt(None, "{text}")


def query(weak=None, **settings):
    labels = settings.pop("labels", None)
    strong = settings.pop("strong", ModelSpec("s", "./s"))
    texts = settings.pop("texts", ["a"] * 30)
    pool = Pool.of(texts) if texts else Pool.numbered(30)
    given = settings.pop("weak_labels", {})
    return RankingQuery(strong, (weak or ModelSpec("w", "./w"),), pool, labels, given, Settings(**settings))


ASKED = ModelSpec("w", "./w", labels="words")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weak": ASKED}, "#labels=words of 'w' needs to know the words"),
        ({"refine": "prompted"}, "--refine prompted needs to know the words"),
        ({"refine": "prompted", "label_prompt": WORDS, "texts": []}, "--refine prompted reads the rows' texts"),
        ({"strong": ModelSpec("s", "./s", labels="logits")}, "the strong model has #labels=logits"),
        (
            {"weak": ASKED, "label_prompt": WORDS, "weak_labels": {"w": [0.0] * 30}},
            "has #labels=words and --weak-labels too",
        ),
        (
            {"label_prompt": WORDS, "labels": Labels.of([*"abc"] * 10)},
            r"2 label words are given and .* 3 classes \(a, b, c\)",
        ),
        ({"label_prompt": WORDS, "labels": Labels.of([0.1 * i for i in range(30)])}, "the gold labels are numbers"),
    ],
)
def test_a_query_that_no_model_could_answer_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        query(**change)


def test_keywords_and_the_suffix_of_a_model_reach_the_query():
    asked = build_query(
        strong="./s",
        weak=["a=./a#labels=logits", "./b#layer=1,2&labels=words"],
        pool=["x"] * 30,
        label_words="no,yes",
        prompt="{text}?",
        refine="linear",
    )
    assert [spec.labels for spec in asked.weak] == ["logits", "words"]
    assert [spec.as_given for spec in asked.weak] == ["a=./a#labels=logits", "./b#layer=1,2&labels=words"]
    assert asked.settings.label_prompt == LabelPrompt(("no", "yes"), "{text}?")
    assert asked.settings.refine == "linear"
    assert asked.knows_weak_labels


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"refine": "magic"}, "refine is 'magic'; it must be one of linear, prompted"),
        ({"weak": "./a#labels=guess"}, "labels='guess' is not known; give logits"),
        ({"weak": "./a#label=words"}, "the options are layer, pooling, tokenizer, labels, base"),
    ],
)
def test_other_words_for_them_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        build_query(**({"strong": "./s", "weak": "./w", "pool": ["x"] * 30} | given))
