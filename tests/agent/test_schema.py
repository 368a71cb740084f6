"""Schemas of tools are those of the flags, and arguments become the same command line."""

from __future__ import annotations

import pytest

from client.agent.schema import command_line, input_schema
from client.agent.tool import NO_TOOL
from client.agent.tools import tools
from client.cli.destinations import DESTINATIONS
from predictor.errors import InputError
from predictor.query.settings import OPTIONS

RANK = tools()["rank"]


def test_every_setting_of_the_option_table_is_an_argument_of_rank():
    properties = RANK.input_schema["properties"]
    for keyword, option in OPTIONS.items():
        given = properties[keyword]
        assert given["description"] == option.help
        if option.choices:
            assert given["enum"] == list(option.choices)
        if option.several:
            assert given["type"] == "array"
    assert properties["max_rows"]["type"] == "integer"
    assert properties["confidence"]["type"] == "number"
    assert RANK.input_schema["required"] == ["strong"]


def test_no_tool_chooses_files_to_write_or_the_server():
    closed = {*DESTINATIONS, "server", "token", "token_file", "ca", "cert", "key", "engine"}
    for tool in tools().values():
        assert not closed & set(tool.input_schema["properties"])


def test_arguments_become_the_words_of_a_command_line():
    given = {"strong": "-s.npy", "weak": ["a=a.npy", "-b"], "max_rows": 50, "details": True, "seed": None}
    words = command_line(RANK.parser, given)
    assert words == ["--strong=-s.npy", "--weak=a=a.npy", "--weak=-b", "--max-rows=50", "--details"]
    parsed = RANK.parser.parse_args(words)
    assert (parsed.strong, parsed.weak, parsed.max_rows, parsed.details) == ("-s.npy", ["a=a.npy", "-b"], 50, True)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"strng": "a"}, "there is no argument 'strng'; allowed are: strong, weak"),
        ({"strong": ["a", "b"]}, r"strong is \['a', 'b'\]; give one text or number"),
        ({"weak": [{"name": "a"}]}, "give a list of texts"),
        ({"details": "yes"}, "give true or false"),
        ({"output": "/etc/passwd"}, "there is no argument 'output'"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_is_allowed(given, reason):
    with pytest.raises(InputError, match=reason):
        command_line(RANK.parser, given, NO_TOOL)


def test_schema_of_flags_alone_needs_nothing():
    assert input_schema(tools()["models"].parser)["properties"] == {}
