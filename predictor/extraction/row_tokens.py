"""Row tokens: the rows of a pool as one model gets them, with its prefix, its chat template and its length limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from predictor.errors import RefusedError
from predictor.extraction.token_cut import Cut
from predictor.extraction.tokenizer import PieceTokenizer, Tokenizer, Tokens
from predictor.query.chat import messages_of, plain_text
from predictor.query.row_form import RowForm

NO_TEMPLATE = "this tokenizer has no chat template; conversations were read as `role: content` paragraphs"


@runtime_checkable
class ChatTokenizer(Protocol):
    """A tokenizer that may have a chat template."""

    has_chat_template: bool

    def chat(self, messages: Sequence[dict[str, Any]]) -> list[int]:
        """Token ids of a conversation, by the model's own chat template.

        Raises:
            RefusedError: the template does not take it.
        """
        ...


def row_tokens(tokenizer: Tokenizer, texts: Sequence[str], form: RowForm) -> Tokens:
    """Token ids of rows in the form asked for; `form.max_length` is the limit that is kept and reported.

    The prefix, or the prompt that the model's folder declares, goes before each text, and before the first message of a
    conversation.

    Raises:
        RefusedError: a chat template that does not take a conversation.
    """
    prefix = tokenizer.prompt if form.prefix is None else form.prefix
    cut = Cut(form.truncate, _lead(tokenizer, prefix) if form.truncate != "right" else 0)
    chats = {row: messages for row, text in enumerate(texts) if (messages := messages_of(text)) is not None}
    if not chats:
        return tokenizer.encode([prefix + text for text in texts], form.max_length, cut)
    if not isinstance(tokenizer, ChatTokenizer) or not tokenizer.has_chat_template:
        found = tokenizer.encode([prefix + plain_text(text) for text in texts], form.max_length, cut)
        return Tokens(found.rows, found.truncated, found.limit, (NO_TEMPLATE,))
    plain = [row for row in range(len(texts)) if row not in chats]
    read = tokenizer.encode([prefix + texts[row] for row in plain], form.max_length, cut) if plain else None
    rows = dict(zip(plain, [] if read is None else read.rows, strict=True))
    truncated = 0 if read is None else read.truncated
    for row, messages in chats.items():
        first = {**messages[0], "content": prefix + messages[0]["content"]}
        try:
            ids = tokenizer.chat([first, *messages[1:]])
        except RefusedError as error:
            raise RefusedError(f"row {row}: {error.message}", reason=error.reason, field=error.field) from error
        truncated += len(ids) > form.max_length
        rows[row] = np.array(Cut(form.truncate).apply(ids, form.max_length) or [tokenizer.pad_id], dtype=np.int64)
    return Tokens([rows[row] for row in range(len(texts))], truncated, form.max_length)


def _lead(tokenizer: Tokenizer, prefix: str) -> int:
    inner = getattr(tokenizer, "inner", tokenizer)
    return len(inner.pieces([prefix])[0]) if prefix and isinstance(inner, PieceTokenizer) else 0
