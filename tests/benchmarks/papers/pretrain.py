"""Pre-train a zoo: resumable, one model after the other, each a folder that w2s reads.

    W2S_DATA=FOLDER nice -n 19 python -m tests.benchmarks.papers.pretrain [--zoo text] [--first N]

Trained models are skipped, so the command continues where it was stopped. The strong model is trained last.
Every folder holds safetensors, the tokenizer and `zoo.json` with the rule's values and the loss on held-out rows.
`python -m tests.benchmarks.papers.pretrain --table` writes zoo.csv or zoo_text.csv, a line a model.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import (
    GPT2Config,
    GPT2Model,
    PreTrainedModel,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormModel,
)

from tests.benchmarks.papers.corpus import END, HELD_OUT, MASK, PAD, SPECIAL, START, Corpus, Ids, smiles_corpus
from tests.benchmarks.papers.text_corpus import text_corpus
from tests.benchmarks.papers.zoo import SMILES, TEXT, Member, Zoo

SORTED = 16
"""Batches of similar length are cut from so many batches' rows."""

RATE = 4e-3
"""Peak learning rate at width 64; falls with the root of the width, linearly up over a tenth, then down to 0."""

MASKED = 0.3
POSITIONS = 256
COLUMNS = ("name", "width", "depth", "objective", "steps", "rows", "seed", "parameters", "held_out_loss", "seconds")
ZOOS = {one.kind: one for one in (SMILES, TEXT)}


def build(member: Member, words: int) -> PreTrainedModel:
    """The model with random weights.

    Both kinds normalise before each block: deep ones that normalise behind it stay at unigram loss in so few steps. The
    usual deviation of 0.02 starts narrow models too slowly.
    """
    shape: dict[str, Any] = {"vocab_size": words, "pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}
    shape |= {"initializer_range": member.width**-0.5}
    if member.objective == "masked":
        return RobertaPreLayerNormModel(
            RobertaPreLayerNormConfig(
                **shape,
                hidden_size=member.width,
                num_hidden_layers=member.depth,
                num_attention_heads=member.heads,
                intermediate_size=4 * member.width,
                max_position_embeddings=POSITIONS,
                type_vocab_size=1,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            ),
            add_pooling_layer=False,
        )
    return GPT2Model(
        GPT2Config(
            **shape,
            n_embd=member.width,
            n_layer=member.depth,
            n_head=member.heads,
            n_positions=POSITIONS,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )


def batches(data: Corpus, rows: NDArray[np.intp], size: int, rng: np.random.Generator) -> Iterator[Ids]:
    """Endless batches, each of rows of similar length."""
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(order) - size + 1, size * SORTED):
            group = order[start : start + size * SORTED]
            group = group[np.argsort(data.lengths[group], kind="stable")]
            parts = [group[at : at + size] for at in range(0, len(group) - size + 1, size)]
            for at in rng.permutation(len(parts)):
                yield data.ids[parts[at], : int(data.lengths[parts[at]].max())]


def loss_of(model: PreTrainedModel, member: Member, ids: Ids, rng: np.random.Generator) -> torch.Tensor:
    """Cross-entropy per token to be guessed; the output layer is the tied input embedding."""
    given = torch.from_numpy(ids.astype(np.int64))
    real = given != PAD
    if member.objective == "masked":
        guessed = torch.from_numpy(rng.random(ids.shape) < MASKED) & (given >= len(SPECIAL))
        answers, seen = given[guessed], given.masked_fill(guessed, MASK)
        hidden = model(input_ids=seen, attention_mask=real.long()).last_hidden_state[guessed]
    else:
        guessed = real[:, 1:]
        answers = given[:, 1:][guessed]
        hidden = model(input_ids=given, attention_mask=real.long()).last_hidden_state[:, :-1][guessed]
    scores = hidden @ model.get_input_embeddings().weight.T
    return functional.cross_entropy(scores, answers)


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate."""
    up = max(1, steps // 10)
    return (step + 1) / up if step < up else (steps - step) / (steps - up)


def train(member: Member, size: int, data: Corpus) -> tuple[PreTrainedModel, float]:
    """The trained model and its loss on the held-out rows."""
    torch.manual_seed(member.seed)
    rng = np.random.default_rng(member.seed)
    model = build(member, len(data.vocabulary))
    rows = rng.permutation(len(data.ids) - HELD_OUT)[: member.rows]
    peak = RATE * (64 / member.width) ** 0.5
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.01, betas=(0.9, 0.98), foreach=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, member.steps))
    source = batches(data, rows, size, rng)
    for _ in range(member.steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss_of(model, member, next(source), rng))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    model.train(False)
    fixed = np.random.default_rng(0)
    held_out = batches(data, np.arange(len(data.ids) - HELD_OUT, len(data.ids)), size, fixed)
    with torch.no_grad():
        losses = [loss_of(model, member, next(held_out), fixed).item() for _ in range(HELD_OUT // size)]
    return model, float(np.mean(losses))


def save(member: Member, size: int, data: Corpus) -> dict[str, Any]:
    """Train a member and write its folder, whole or not at all."""
    started = time.process_time()
    model, loss = train(member, size, data)
    temporary = member.folder.with_name(member.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    for name, text in data.tokenizer:
        (temporary / name).write_text(text, encoding="utf-8")
    parameters = sum(one.numel() for one in model.parameters())
    facts = asdict(member) | {
        "parameters": parameters,
        "held_out_loss": round(loss, 4),
        "seconds": round(time.process_time() - started, 1),
    }
    (temporary / "zoo.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    temporary.rename(member.folder)
    return facts


def planned(zoo: Zoo) -> tuple[Member, ...]:
    """All members in the order of training, the strong model last: it costs as much as forty of them."""
    return zoo.members if zoo.strong is None else (*zoo.members, zoo.strong)


def trained(zoo: Zoo) -> tuple[Member, ...]:
    """The members that are there, without the strong model."""
    return tuple(one for one in zoo.members if (one.folder / "zoo.json").exists())


def table(zoo: Zoo, path: Path) -> None:
    """Write what was trained, a line a model."""
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        sheet.writeheader()
        for one in planned(zoo):
            if (one.folder / "zoo.json").exists():
                sheet.writerow(json.loads((one.folder / "zoo.json").read_text(encoding="utf-8")))


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.papers.pretrain", description=__doc__)
    parser.add_argument("--zoo", choices=tuple(ZOOS), default="smiles", help="which population (%(default)s)")
    parser.add_argument("--first", type=int, help="only the first N of the plan")
    parser.add_argument("--table", action="store_true", help="write the table and train nothing")
    options = parser.parse_args()
    zoo = ZOOS[options.zoo]
    if options.table:
        table(zoo, Path(__file__).with_name("zoo.csv" if zoo is SMILES else f"zoo_{zoo.kind}.csv"))
        return
    torch.set_num_threads(1)
    data = smiles_corpus() if zoo is SMILES else text_corpus()
    for one in planned(zoo)[: options.first]:
        if not (one.folder / "zoo.json").exists():
            facts = save(one, zoo.batch, data)
            sys.stdout.write(" ".join(f"{name}={facts[name]}" for name in COLUMNS) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
