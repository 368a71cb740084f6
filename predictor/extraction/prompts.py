"""Prompts: rows, words and examples in context as token ids that fit the model, cut in the row's own text only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.errors import InputError
from predictor.extraction.token_cut import Cut
from predictor.extraction.tokenizer import PieceTokenizer
from predictor.query.chat import plain_text
from predictor.query.prompt import BETWEEN, LabelPrompt
from predictor.query.row_form import RowForm

Example = tuple[str, int]
"""A row in context and the number of its class."""


@dataclass(frozen=True, eq=False)
class Words:
    """Label words as token ids.

    Attributes:
        tokens: per word, at least one token; no word begins with another.
        tokens_used: every id that occurs in one of them, once.
        stems: tokens that must be run to score all words: words without their last token, except those that
            another begins with.
    """

    tokens: tuple[tuple[int, ...], ...]

    @property
    def tokens_used(self) -> tuple[int, ...]:
        """See class."""
        return tuple(dict.fromkeys(token for word in self.tokens for token in word))

    @property
    def stems(self) -> tuple[tuple[int, ...], ...]:
        """See class."""
        found = dict.fromkeys(word[:-1] for word in self.tokens)
        return tuple(one for one in found if not any(_begins(one, other) and one != other for other in found))

    @property
    def longest(self) -> int:
        """Tokens of the longest word."""
        return max(len(word) for word in self.tokens)

    def stem_of(self, word: int) -> int:
        """Number of the stem that a word is scored after."""
        return next(i for i, stem in enumerate(self.stems) if _begins(self.tokens[word][:-1], stem))


class Prompts:
    """Prompts for one tokenizer and label prompt: rows to questions.

    Attributes:
        words: the label words.
    """

    def __init__(self, tokenizer: PieceTokenizer, label_prompt: LabelPrompt, form: RowForm) -> None:
        self._tokenizer = tokenizer
        self._prefix = form.prefix or ""
        self._cut = Cut(form.truncate)
        self._label_prompt = label_prompt
        self._answers = [self._behind(label_prompt.answer(word)) for word in label_prompt.words]
        self.words = self._ended()

    def question(self, text: str, room: int, *, first: bool) -> tuple[tuple[int, ...], bool]:
        """Token ids of one row's question, and whether its text had to be cut to fit `room`.

        The text loses characters where rows are cut; the model's prefix and what the template puts around stay whole.

        Args:
            room: tokens at most, the opening marker counted.
            first: whether nothing comes before it, so that it begins with the tokenizer's opening marker.

        Raises:
            InputError: the template alone needs more room.
        """
        opening = tuple(self._tokenizer.opening) if first else ()
        text = plain_text(text)
        whole = (*opening, *self._asked(text))
        if len(whole) <= room:
            return (whole or (self._tokenizer.fallback,)), False
        fits, over = -1, len(text)
        while over - fits > 1:
            middle = (fits + over) // 2
            if len(opening) + len(self._asked(self._shortened(text, middle))) <= room:
                fits = middle
            else:
                over = middle
        if fits < 0:
            raise InputError(
                f"the prompt takes more than the {room} tokens that there is room for, without any row in it; shorten "
                "it or raise --max-length.",
                reason="PROMPT_TOO_LONG",
                field="prompt",
            )
        return (*opening, *self._asked(self._shortened(text, fits))), True

    def context(self, examples: Sequence[Example], room: int) -> tuple[int, ...]:
        """Token ids of answered questions, each followed by an empty line; () for no examples.

        Args:
            room: tokens at most for each question.
        """
        if not examples:
            return ()
        found = list(self._tokenizer.opening)
        between = self._pieces(BETWEEN)
        for text, label in examples:
            found.extend(self.question(text, room, first=False)[0])
            found.extend((*self._answers[label], *between))
        return tuple(found)

    def _asked(self, text: str) -> tuple[int, ...]:
        return self._pieces(self._label_prompt.question(self._prefix + text))

    def _shortened(self, text: str, letters: int) -> str:
        return "".join(self._cut.apply(text, letters)) if letters else ""

    def _pieces(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.pieces([text])[0])

    def _ended(self) -> Words:
        """The words behind a question; with the line's end where one word is the beginning of another.

        "no" would otherwise be credited with every "not at all" too.
        """
        bare = self._answers
        clash = any(i != j and _begins(one, other) for i, one in enumerate(bare) for j, other in enumerate(bare))
        end = self._pieces(BETWEEN)[:1] if clash else ()
        ended = tuple((*word, *end) for word in bare)
        if not all(bare) or len(set(ended)) < len(ended):
            raise InputError(
                "this model's tokenizer encodes some label words alike; choose other words.",
                reason="BAD_LABEL_WORDS",
                field="label_words",
            )
        return Words(ended)

    def _behind(self, answer: str) -> tuple[int, ...]:
        """Tokens of an answer where it follows a question: some tokenizers write the first word of a text otherwise."""
        anchor = self._label_prompt.anchor or "x"
        before, whole = self._pieces(anchor), self._pieces(anchor + answer)
        return whole[len(before) :] if _begins(before, whole) else self._pieces(answer)


def _begins(one: Sequence[int], other: Sequence[int]) -> bool:
    return tuple(other[: len(one)]) == tuple(one)
