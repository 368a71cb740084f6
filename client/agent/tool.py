"""Tool: one thing that an agent can ask, with its arguments and its answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from client.agent.schema import command_line, input_schema
from client.cli.destinations import DESTINATIONS
from predictor.steps import Progress

Report = Callable[[Progress], object]
"""Called with every step of the work."""

NO_TOOL = (
    *DESTINATIONS,
    *("json", "detach", "dry_run", "engine"),
    *("server", "token", "token_file", "ca", "cert", "key", "record"),
)
"""Flags of subcommands that mean nothing to an agent. Which server answers is the operator's choice: `W2S_SERVER`."""


@dataclass(frozen=True)
class Answer:
    """What a tool returns.

    Attributes:
        text: for a person or a language model.
        data: the same as JSON, for a program.
    """

    text: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        description: what it does and when to use it.
        parser: of its arguments.
        run: answers parsed arguments.
        changes: whether it changes anything that is stored.
        left_out: flags of the parser that it does not take.
    """

    name: str
    description: str
    parser: argparse.ArgumentParser
    run: Callable[[argparse.Namespace, Report], Answer]
    changes: bool = False
    left_out: tuple[str, ...] = field(default=NO_TOOL)

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of its arguments."""
        return input_schema(self.parser, self.left_out)

    def answer(self, given: Mapping[str, Any], report: Report) -> Answer:
        """Check the arguments and run.

        Raises:
            W2SError: what is wrong, and what to do.
        """
        return self.run(self.parser.parse_args(command_line(self.parser, given, self.left_out)), report)
