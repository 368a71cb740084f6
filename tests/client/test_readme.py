"""Every block of client/README.md runs, in order, in one empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import client
from client.cli.__main__ import main

BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_readme_run(tmp_path, own_folders, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = Path(client.__file__).with_name("README.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == 9
    for language, block in blocks:
        if language == "python":
            exec(compile(block, "client/README.md", "exec"), {})
            continue
        for line in block.splitlines():
            words = shlex.split(line)
            with monkeypatch.context() as environment:
                while "=" in words[0]:
                    environment.setenv(*words.pop(0).split("=", 1))
                assert words.pop(0) == "w2s"
                assert main(words) == 0, line
    assert "large" in capsys.readouterr().out
