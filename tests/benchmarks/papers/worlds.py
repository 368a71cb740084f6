"""Worlds: a random deep network as the true representation, and strong and weak networks that know part of it.

The form is that of Charikar, Pabbaraju, Shiragur 2024 (arXiv:2405.15116): rows are Gaussian, tasks are linear in h*, a
random ReLU network, and models are h* itself, h* with noise on its weights, or networks trained on a few tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from predictor.statistics.arrays import Array

INPUTS, WIDTH, DEPTH = 8, 16, 5
TASKS, TRAINED_ON = 10, 2_000
"""Tasks that a network is pre-trained on, and rows of each."""

STEPS, BATCH = 1_500, 256
WEAK_DEPTH = 2
WEAKER = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Noise of the weak networks' weights, as a share of their deviation; a world has one candidate for each."""

SOONER = (50, 150, 400, 800, 1_500)
"""Pre-training steps of the weak networks."""

Kind = Literal["perturbed", "pretrained"]


@dataclass(frozen=True, eq=False)
class World:
    """Representations as functions of (n, 8) rows; `truth` is what tasks are linear in."""

    name: str
    truth: Callable[[Array], Array]
    strong: Callable[[Array], Array]
    weak: tuple[Callable[[Array], Array], ...]
    rng: np.random.Generator

    def rows(self, count: int) -> Array:
        """Fresh rows."""
        return self.rng.standard_normal((count, INPUTS))


def world(kind: Kind, *, realisable: bool, seed: int) -> World:
    """One world; where the truth is realisable, the strong model is h* itself."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    true = _network(DEPTH)
    name = f"{kind}, {'realisable' if realisable else 'not realisable'}"
    if kind == "perturbed":
        strong = true if realisable else _perturbed(true, 0.01)
        weak = [_perturbed(true, share) for share in WEAKER]
    else:
        targets = [nn.Linear(WIDTH, 1) for _ in range(TASKS)]
        strong = true if realisable else _pretrained(true, targets, DEPTH + 3, STEPS)
        weak = [_pretrained(true, targets, WEAK_DEPTH, steps) for steps in SOONER]
    return World(name, _scaled(true), _scaled(strong), tuple(_scaled(one) for one in weak), rng)


def _network(depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for at in range(depth):
        linear = nn.Linear(INPUTS if at == 0 else WIDTH, WIDTH)
        nn.init.kaiming_normal_(linear.weight)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _perturbed(network: nn.Sequential, share: float) -> nn.Sequential:
    twin = _network(DEPTH)
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(share * weight.std() * torch.randn_like(weight))
    return twin


def _pretrained(true: nn.Sequential, targets: list[nn.Linear], depth: int, steps: int) -> nn.Sequential:
    """A network that fits TASKS tasks through heads of its own, which are thrown away."""
    network, heads = _network(depth), nn.Linear(WIDTH, TASKS)
    with torch.no_grad():
        x = torch.randn(TRAINED_ON, INPUTS)
        y = torch.cat([one(true(x)) for one in targets], dim=1)
        y = (y - y.mean(0)) / y.std(0)
    optimiser = torch.optim.Adam([*network.parameters(), *heads.parameters()], lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(TRAINED_ON, (BATCH,))
        optimiser.zero_grad()
        torch.autograd.backward(((heads(network(x[rows])) - y[rows]) ** 2).mean())
        optimiser.step()
    return network


def _scaled(network: nn.Sequential) -> Callable[[Array], Array]:
    """The network on float64 rows, with an intercept; divided by its spread on 4,096 rows (seed 0)."""
    probe = torch.randn(4_096, INPUTS, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        size = float(network(probe).std())

    def features(rows: Array) -> Array:
        with torch.no_grad():
            found = network(torch.from_numpy(rows).float()).double().numpy() / size
        return np.concatenate([found, np.ones((len(rows), 1))], axis=1)

    return features


def least_squares(features: Array, labels: Array) -> Array:
    """(d, k) coefficients of the projection of the labels on the features; null directions are left out."""
    return np.asarray(np.linalg.lstsq(features, labels, rcond=1e-6)[0])
