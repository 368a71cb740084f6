"""SmallStudent: a small causal language model that answers questions; its last blocks can be trained on answers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from predictor.folders import cache_dir
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from tests.benchmarks.lineup import ready

NEW_TOKENS = 16


@dataclass(frozen=True, eq=False)
class SmallStudent:
    """The model in fp32.

    Attributes:
        blocks: the last ones, which are trained.
        start: their weights before any training.
    """

    model: Any
    tokenizer: Any
    blocks: Any
    start: dict[str, torch.Tensor]

    @classmethod
    def of(cls, name: str, blocks: int) -> SmallStudent:
        """A known GGUF model, with so many trainable blocks."""
        path = resolve(ModelReference.parse(ready(find(name))), cache_dir()).path
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
        model.requires_grad_(False)
        last = model.model.layers[-blocks:]
        return cls(model, tokenizer, last, {name: one.clone() for name, one in last.state_dict().items()})

    def forget(self) -> None:
        """Undo all training."""
        self.blocks.load_state_dict(self.start)

    def train(self, pairs: Sequence[tuple[str, str]], *, epochs: int, batch: int, rate: float, seed: int) -> None:
        """Train the last blocks on answers to questions from the start, by AdamW; the loss is on the answers alone.

        What the frozen blocks make of the rows is computed once.
        """
        self.forget()
        rows = [self._tokens(question, answer) for question, answer in pairs]
        size = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), size), self.tokenizer.eos_token_id)
        targets = torch.full((len(rows), size), -100)
        for i, (own, asked) in enumerate(rows):
            ids[i, : len(own)] = torch.tensor(own)
            targets[i, asked - 1 : len(own) - 1] = torch.tensor(own[asked:])
        inner, first = self.model.model, len(self.model.model.layers) - len(self.blocks)
        with torch.no_grad():
            below = self.model(ids, output_hidden_states=True, logits_to_keep=1).hidden_states[first]
        angles = inner.rotary_emb(below, torch.arange(size)[None])
        self.blocks.requires_grad_(True)
        learner = torch.optim.AdamW(self.blocks.parameters(), lr=rate, weight_decay=0.01)
        rng = np.random.default_rng(seed)
        for _ in range(epochs):
            for own in np.array_split(rng.permutation(len(rows)), max(1, len(rows) // batch)):
                states = below[own]
                for block in self.blocks:
                    states = block(states, attention_mask=None, position_embeddings=angles)
                    states = states[0] if isinstance(states, tuple) else states
                asked = targets[own] >= 0
                logits = self.model.lm_head(inner.norm(states)[asked])
                learner.zero_grad()
                cross_entropy(logits, targets[own][asked]).backward()  # type: ignore[no-untyped-call]  # torch
                learner.step()
        self.blocks.requires_grad_(False)

    def answer(self, questions: Sequence[str], before: str = "") -> list[str]:
        """Greedy answers, one line each, behind a shared text that is read once."""
        found = [""] * len(questions)
        prefix = self.tokenizer(before)["input_ids"] if before else []
        with torch.no_grad():
            cache = self.model(torch.tensor([prefix]), use_cache=True).past_key_values if before else None
            tokens = [self.tokenizer(question)["input_ids"] for question in questions]
            for size in sorted({len(one) for one in tokens}):
                places = [i for i, one in enumerate(tokens) if len(one) == size]
                for i, text in zip(places, self._greedy([tokens[i] for i in places], cache), strict=True):
                    found[i] = text
        return found

    def _greedy(self, tokens: list[list[int]], cache: Any) -> list[str]:
        """Answers to questions of one length."""
        ids, own = torch.tensor(tokens), copy.deepcopy(cache)
        if own is not None:
            own.batch_repeat_interleave(len(tokens))
        drawn = []
        for _ in range(NEW_TOKENS):
            out = self.model(ids, past_key_values=own, use_cache=True, logits_to_keep=1)
            ids, own = out.logits[:, -1].argmax(dim=1, keepdim=True), out.past_key_values
            drawn.append(ids)
            if self._ended(torch.cat(drawn, dim=1)):
                break
        return [text.split("\n")[0].strip() for text in self.tokenizer.batch_decode(torch.cat(drawn, dim=1))]

    def _ended(self, drawn: torch.Tensor) -> bool:
        """Whether every answer has come to the end of its line."""
        return all("\n" in text.lstrip() for text in self.tokenizer.batch_decode(drawn))

    def _tokens(self, question: str, answer: str) -> tuple[list[int], int]:
        """Tokens of the question, the answer and the end of its line, and the number of those of the question."""
        asked = self.tokenizer(question)["input_ids"]
        return asked + self.tokenizer(f" {answer}\n")["input_ids"], len(asked)
