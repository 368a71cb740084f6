"""Chat rows: conversations among the texts of a pool, rendered by each model's own chat template.

The text of a chat row is the JSON object `{"messages": [{"role": …, "content": …}, …]}` as `chat_text` writes it. A row
that is no such object is plain text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_START = '{"messages":['

_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
"""Names of `from` in conversations of other tools -> roles."""

Message = Mapping[str, Any]


def chat_text(messages: Sequence[object]) -> str:
    """The text of a chat row.

    Args:
        messages: with `role` and `content`, or `from` and `value`. Content is a text, or parts with a `text` each.

    Raises:
        ValueError: something else, by its number.
    """
    found = [_message(one, number) for number, one in enumerate(messages, start=1)]
    if not found:
        raise ValueError("no message")
    return json.dumps({"messages": found}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def messages_of(text: str) -> list[dict[str, Any]] | None:
    """The messages of a chat row; None where the text is a plain one."""
    if not text.startswith(_START):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    messages: list[dict[str, Any]] = found["messages"]
    good = all(isinstance(one, dict) and isinstance(one.get("content"), str) and "role" in one for one in messages)
    return messages if good else None


def plain_text(text: str) -> str:
    """A row as readers without a chat template get it: a chat row as one `role: content` a paragraph."""
    messages = messages_of(text)
    return text if messages is None else "\n\n".join(f"{one['role']}: {one['content']}" for one in messages)


def _message(given: object, number: int) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"message {number} is a {type(given).__name__}")
    role = given.get("role", _ROLES.get(str(given.get("from"))))
    content = given.get("content", given.get("value"))
    if isinstance(content, list | tuple):
        parts = [one.get("text") if isinstance(one, Mapping) else one for one in content]
        content = "".join(map(str, parts)) if all(isinstance(one, str) for one in parts) else None
    if not isinstance(role, str) or not isinstance(content, str):
        raise ValueError(f"message {number} has no {'content' if isinstance(role, str) else 'role'} that is a text")
    return {"role": role, "content": content}
