"""Prompts as token ids: nothing but the row's own text is ever cut, and no word is taken for another."""

from pathlib import Path

import pytest

from predictor.errors import InputError
from predictor.extraction.prompts import Prompts, Words
from predictor.extraction.tokenizers import LibraryTokenizer
from predictor.query.prompt import LabelPrompt
from predictor.query.row_form import RowForm
from tests.extraction import tiny
from tests.weights import SENTENCES

TEMPLATE = "Review: {text}\nSentiment:"
LONG = "and the music made every minute of them feel like ten , " * 20


ROWS = RowForm(256)


@pytest.fixture(scope="module", params=["byte_level", "metaspace"])
def tokenizer(request, tmp_path_factory) -> LibraryTokenizer:
    folder = tmp_path_factory.mktemp(request.param)
    getattr(tiny, request.param)(folder)
    return LibraryTokenizer(folder)


def prompts(tokenizer, *words: str, template: str = TEMPLATE, form: RowForm = ROWS) -> Prompts:
    return Prompts(tokenizer, LabelPrompt(words, template), form)


def text_of(tokenizer, ids) -> str:
    return tokenizer.library.decode(ids, skip_special_tokens=True)


def plain(text: str) -> str:
    """What survives both tokenizers: one writes every white space as a blank of its own kind."""
    return "".join(text.split())


@pytest.mark.parametrize("text", [*SENTENCES, "", " ", "\n", "🙂 ß"])
def test_a_question_is_the_opening_marker_and_the_template_around_the_row(tokenizer, text):
    asked = prompts(tokenizer, "negative", "positive")
    ids, cut = asked.question(text, 200, first=True)
    assert not cut
    assert ids == (*tokenizer.opening, *tokenizer.pieces([f"Review: {text}\nSentiment:"])[0])
    assert asked.question(text, 200, first=False)[0] == ids[len(tokenizer.opening) :]


def test_the_two_tokenizers_differ_where_it_matters(tokenizer):
    assert tokenizer.opening == ([1] if "metaspace" in str(tokenizer.library.name_or_path) else [])


@pytest.mark.parametrize("room", [20, 30, 41])
def test_truncation_cuts_the_row_alone_and_as_little_as_it_must(tokenizer, room):
    asked = prompts(tokenizer, "negative", "positive")
    assert len(asked.question(LONG, 10_000, first=True)[0]) > 200
    ids, cut = asked.question(LONG, room, first=True)
    assert cut
    assert room - 2 <= len(ids) <= room
    shown = plain(text_of(tokenizer, ids))
    assert shown.startswith("Review:andthe")
    assert shown.endswith("Sentiment:")
    assert plain(LONG).startswith(shown[len("Review:") : -len("Sentiment:")])


def test_a_template_that_leaves_no_room_is_refused(tokenizer):
    asked = prompts(tokenizer, "negative", "positive", template="long " * 30 + "{text}")
    with pytest.raises(InputError, match="the prompt takes more than the 12 tokens"):
        asked.question("row", 12, first=True)


def test_an_empty_row_alone_is_still_a_token(tokenizer):
    asked = prompts(tokenizer, "negative", "positive", template="{text}")
    assert asked.question("", 9, first=False)[0] == (tokenizer.fallback,)
    assert asked.question("", 9, first=True)[0] == (tuple(tokenizer.opening) or (tokenizer.fallback,))


@pytest.mark.parametrize("template", [TEMPLATE, "{text}", "{text}\nLabel: "])
@pytest.mark.parametrize("words", [("negative", "positive"), ("bad", "good"), ("so and so", "not bad", "unheard of")])
def test_words_are_the_tokens_that_a_question_gains_by_its_answer(tokenizer, words, template):
    asked = prompts(tokenizer, *words, template=template)
    label_prompt = LabelPrompt(words, template)
    for word, tokens in zip(words, asked.words.tokens, strict=True):
        row = "a dull film"
        before, whole = (
            tokenizer.pieces([label_prompt.question(row) + end])[0] for end in ("", label_prompt.answer(word))
        )
        assert tuple(whole[len(before) :]) == tokens
        assert plain(text_of(tokenizer, tokens)) == plain(word)


def test_a_word_that_another_begins_with_is_read_to_its_end(tokenizer):
    alone = prompts(tokenizer, "good", "not good", "bad").words.tokens
    asked = prompts(tokenizer, "not", "not good", "bad").words.tokens
    (end,) = {word[-1] for word in asked}
    assert asked[1] == (*alone[1], end)
    assert asked[2] == (*alone[2], end)
    assert not any(one != other and other[: len(one)] == one for one in asked for other in asked)


def test_words_that_become_the_same_tokens_are_refused(tmp_path: Path):
    tiny.metaspace(tmp_path)
    with pytest.raises(InputError, match="encodes some label words alike"):
        prompts(LibraryTokenizer(tmp_path), "ö", "ü")


def test_a_context_is_answered_questions_with_an_empty_line_after_each(tokenizer):
    asked = prompts(tokenizer, "not", "not good")
    between = tokenizer.pieces(["\n\n"])[0]
    expected = list(tokenizer.opening)
    for text, word in (("a dull film", " not"), ("bad", " not good")):
        expected += tokenizer.pieces([f"Review: {text}\nSentiment:"])[0]
        whole = tokenizer.pieces([f"\nSentiment:{word}"])[0]
        expected += whole[len(tokenizer.pieces(["\nSentiment:"])[0]) :] + between
    assert list(asked.context([("a dull film", 0), ("bad", 1)], 100)) == expected
    assert asked.context([], 100) == ()


def test_rows_in_context_are_cut_like_others(tokenizer):
    asked = prompts(tokenizer, "negative", "positive")
    ids = asked.context([(LONG, 1)], 25)
    assert plain(text_of(tokenizer, ids)).endswith("Sentiment:positive")
    assert len(ids) < 40


def test_stems_are_the_fewest_beginnings_that_every_word_can_be_scored_behind():
    # Words a b c · a d · e: "a" is a beginning of "a b", so one pass scores the first two words and the third.
    words = Words(((1, 2, 3), (1, 4), (5,)))
    assert words.stems == ((1, 2),)
    assert [words.stem_of(i) for i in range(3)] == [0, 0, 0]
    assert words.tokens_used == (1, 2, 3, 4, 5)
    assert words.longest == 3
    apart = Words(((1, 2), (3, 4), (3, 5), (6,)))
    assert apart.stems == ((1,), (3,))
    assert [apart.stem_of(i) for i in range(4)] == [0, 1, 1, 0]
