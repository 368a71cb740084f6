"""LabelPrompt: the words for classes, and the prompt that asks a language model for one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from predictor.errors import InputError
from predictor.query.label_column import MAX_CLASSES
from predictor.query.option import Option, setting

PLACE = "{text}"
"""Placeholder of the row in a prompt."""

TEMPLATE = "{text}\nLabel:"
"""The prompt where none is given."""

MAX_TEMPLATE = 4000
"""Characters."""

MAX_WORD = 100
"""Characters."""

BETWEEN = "\n\n"
"""What separates rows in context."""


def with_line_breaks(text: str) -> str:
    """A text of the command line, in which \\n is a line break."""
    return text.replace("\\n", "\n")


@dataclass(frozen=True)
class LabelPrompt:
    """How classes are put to a language model.

    Attributes:
        words: one per class, in the classes' order (0 before 1, else alphabetical).
        template: the prompt with `{text}` where the row goes; the word is expected right behind it. White space at its
            end goes in front of the word, since language models read a word together with the blank before it.

    Raises:
        InputError: fewer than two words, two alike, an empty or too long one; a prompt without its one `{text}`.
    """

    words: tuple[str, ...] = field(
        metadata={
            "option": Option(
                "labels",
                "the words for the classes, in their order, as negative,positive",
                "W0,W1",
                keyword="label_words",
            )
        }
    )
    template: str = setting(
        TEMPLATE,
        Option(
            "labels",
            "what language models are asked, {text} for the row and \\n for a line break (default: {text}\\nLabel:)",
            "TEMPLATE",
            parse=with_line_breaks,
            keyword="prompt",
        ),
    )

    def __post_init__(self) -> None:
        if not 2 <= len(self.words) <= MAX_CLASSES:
            raise _bad(f"{len(self.words)} label word(s) are given; one per class is needed, 2 to {MAX_CLASSES}")
        odd = next((w for w in self.words if not 0 < len(w) <= MAX_WORD or w != w.strip()), None)
        if odd is not None:
            raise _bad(f"label word {odd[:MAX_WORD]!r} must have 1 to {MAX_WORD} characters and no blank at its ends")
        twice = next((w for w in self.words if self.words.count(w) > 1), None)
        if twice is not None:
            raise _bad(f"label word {twice!r} is given twice; each class needs its own")
        if len(self.template) > MAX_TEMPLATE or self.template.count(PLACE) != 1:
            raise InputError(
                f"the prompt has {len(self.template)} characters and {self.template.count(PLACE)} places for the row; "
                f"give at most {MAX_TEMPLATE} characters with {PLACE} once, as in 'Review: {PLACE}\\nSentiment:'.",
                reason="BAD_PROMPT",
                field="prompt",
            )

    def question(self, text: str) -> str:
        """The prompt of one row, up to where the label is expected."""
        return self._asked.replace(PLACE, text)

    def answer(self, word: str) -> str:
        """A word as it follows a question: with the white space that ends the template, or one blank."""
        return (self.template[len(self._asked) :] or " ") + word

    @property
    def anchor(self) -> str:
        """The fixed text that a question ends with, "" where it ends with the row itself."""
        return self._asked.partition(PLACE)[2]

    @property
    def _asked(self) -> str:
        return self.template.rstrip()


def read_label_prompt(words: str | Sequence[str] | None, prompt: str | None) -> LabelPrompt | None:
    """Label words, joined by commas or as a list, and a prompt; None where neither is given.

    Raises:
        InputError: a prompt without words; see `LabelPrompt`.
    """
    if words is None:
        if prompt is not None:
            raise InputError(
                "a prompt is given without label words; give --label-words negative,positive too.",
                reason="NO_LABEL_WORDS",
                field="label_words",
            )
        return None
    given = [word.strip() for word in words.split(",")] if isinstance(words, str) else list(words)
    return LabelPrompt(tuple(given)) if prompt is None else LabelPrompt(tuple(given), prompt)


def check_classes(label_prompt: LabelPrompt, classes: Sequence[str] | None) -> None:
    """Refuse words that are not one per class of the gold labels.

    Args:
        classes: of the gold labels; None where they are numbers.

    Raises:
        InputError: another count, or no classes at all.
    """
    if classes is None:
        raise _bad("label words are given, and the gold labels are numbers, which have no words; leave them out")
    if len(label_prompt.words) != len(classes):
        raise _bad(
            f"{len(label_prompt.words)} label words are given and the gold labels have {len(classes)} classes "
            f"({', '.join(classes)}); give one word per class, in this order"
        )


def _bad(why: str) -> InputError:
    return InputError(f"{why}.", reason="BAD_LABEL_WORDS", field="label_words")
