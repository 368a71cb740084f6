"""Paths: names that must lead nowhere, of every kind that has ever led somewhere."""

from __future__ import annotations

import json
import os
import urllib.parse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SECRET = "secret"
"""Folder beside the root; its files hold what must never be read."""

MARK = "7391.0625"
"""What every file outside the root holds, and no answer may."""

KINDS = ("", "onnx:", "gguf:", "array:")
ROWS = 30

_UP = (
    "..",
    "../..",
    "../../..",
    "./..",
    "../.",
    "...",
    ".../...",
    "....//",
    "..;",
    "..\\",
    "..\\..",
    "../" * 20,
    "..//",
)
_TARGETS = (f"{SECRET}/a.npy", f"{SECRET}/model", "etc/passwd", "etc/hostname")
_ABSOLUTE = (
    "/etc/passwd", "//etc/passwd", "///etc//passwd", "/./etc/passwd", "/etc/../etc/passwd", "/proc/self/environ",
    "/proc/self/mem", "/proc/self/maps", "/proc/self/cmdline", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/3",
    "/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/1/environ", "/proc/kcore", "/proc/kmsg", "/proc/sys/kernel",
    "/sys/kernel", "/sys/class/net", "/dev/zero", "/dev/null", "/dev/random", "/dev/stdin", "/dev/fd/0", "/dev/tty",
    "/dev/mem", "/dev/full", "/dev/shm", "/dev/ptmx", "/", "//", "/.", "/..", "/root/.ssh/id_rsa", "/tmp", "/run",
    "/var/run/docker.sock", "/home",
)  # fmt: skip
_WINDOWS = (
    "C:\\Windows\\win.ini", "C:/Windows/win.ini", "c:secret", "\\\\host\\share\\a.npy", "\\\\?\\C:\\a",
    "\\\\.\\pipe\\x",
    "CON", "NUL", "nul.npy", "AUX.txt", "COM1", "LPT1", "a.npy::$DATA", "a.npy.", "a.npy ", "secret\\a.npy",
    "..\\secret\\a.npy", "..%5csecret%5ca.npy", "PROGRA~1",
)  # fmt: skip
_NULS = ("\0", "a.npy\0", "a\0.npy", "../secret/a.npy\0.npy", "a.npy\0/../../secret/a.npy", "\0/etc/passwd")
_LOOKALIKES = (
    "‥/secret/a.npy", "．．/secret/a.npy", "..∕secret∕a.npy", "..⁄secret⁄a.npy", "..／secret／a.npy",
    "․․/secret/a.npy", "..\u2215..\u2215etc\u2215passwd", "\u202e../secret", "a\u200b.npy", "..\ufeff/secret",
    "\u0430.npy", "ａ.npy", "..\u0338/secret", "..\x7f/secret", "se\u0301cret", "\U0001f4a9", "..\u00ad/secret/a.npy",
)  # fmt: skip
_ENCODED = (
    "%2e%2e/secret/a.npy", "%2e%2e%2fsecret%2fa.npy", "..%2fsecret%2fa.npy", "%252e%252e/secret", "..%c0%afsecret",
    "%c0%ae%c0%ae/secret", "..%00/secret", "%00", "&#46;&#46;/secret", "\\x2e\\x2e/secret", "..%u2215secret",
    "file:///etc/passwd", "file:/etc/passwd", "file://localhost/etc/passwd", "http://127.0.0.1/a.npy",
    "https://example.invalid/a.npy", "ftp://a/b", "data:,x", "jar:file:/a!/b", "s3://bucket/key", "gopher://a",
)  # fmt: skip
_LONG = (
    "a" * 255, "a" * 256, "a" * 300 + ".npy", "a/" * 500 + "a", "./" * 900 + "a", "x/../" * 300 + "../secret/a.npy",
    ("b" * 250 + "/") * 7, "ä" * 128, "\U0001f4a9" * 100, "a" * 1990,
)  # fmt: skip
_SHELL = (
    "~", "~/", "~root", "~root/.ssh", "~nobody/x", "$HOME", "${HOME}/x", "$(id)", "`id`", "| id", "; id", "a.npy; id",
    "*", "?.npy", "[a].npy", "{a,b}.npy", "**/a.npy", "-", "--help", "-rf", "a b", "a\tb", "a\nb", "a\r\nb", "\n", " ",
    "\x1b[31m", "\x08", "'", '"', "\\", "%s%n", "{0}", "{__class__}", "!!", "#", "# x", "a#b", "=", "a=b", "::", "a::b",
    "a.npy::../../secret", "a.npy/x", "a.npy/.", "a.npy/..", "a.npy/", ".", "./", "", "None", "nul", "0", "-1",
)  # fmt: skip
_MADE = (
    "out", "out/a.npy", "out/model", "link.npy", "chain.npy", "loop", "loop/x", "selfloop/selfloop/../../secret/a.npy",
    "inner/model", "dangling", "fifo", "fifo.npy", "fifos", "socket.npy", "zero.npy", "dev/zero.npy", "unreadable.npy",
    "up/secret/a.npy", "up/root/../secret/a.npy", "folder.npy", "empty", "dots...npy/../../secret/a.npy",
)  # fmt: skip


def lay_out(top: Path) -> Path:
    """A furnished root in the folder, with one good array of 40 rows, beside a secret; returns the root."""
    root, secret = top / "root", top / SECRET
    (secret / "model").mkdir(parents=True)
    for folder in (root, top / "root-other"):
        folder.mkdir()
    marked = np.full((ROWS, 3), float(MARK), np.float32)
    for folder in (secret, top / "root-other"):
        np.save(folder / "a.npy", marked)
    save_file({"a": marked}, secret / "model" / "model.safetensors")
    (secret / "model" / "config.json").write_text(json.dumps({"model_type": "bert", "mark": MARK}))
    (secret / "model" / "tokenizer.json").write_text(MARK)
    save_file({"a": np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)}, root / "good.safetensors")
    furnish(root)
    return root


def furnish(root: Path) -> None:
    """Put into a root everything of `_MADE`; the root's parent must hold `secret/a.npy` and a folder `secret/model`."""
    secret = root.parent / SECRET
    links = {
        "out": secret, "link.npy": secret / "a.npy", "chain.npy": "link.npy", "loop": root / "loop", "selfloop": ".",
        "dangling": root / "nothing", "zero.npy": "/dev/zero", "up": "..",
    }  # fmt: skip
    for name, target in links.items():
        os.symlink(target, root / name)
    for folder in ("inner/model", "folder.npy", "empty", "fifos", "dev"):
        (root / folder).mkdir(parents=True)
    os.symlink(secret / "model" / "config.json", root / "inner" / "model" / "config.json")
    os.symlink(secret / "model" / "model.safetensors", root / "inner" / "model" / "model.safetensors")
    os.symlink("/dev/zero", root / "dev" / "zero.npy")
    for fifo in ("fifo", "fifo.npy", "fifos/model.safetensors", "fifos/config.json"):
        os.mkfifo(root / fifo)


def corpus(root: Path) -> list[str]:
    """Every name, none twice."""
    secret = root.parent / SECRET
    climbing = [f"{up}/{target}" for up in _UP for target in _TARGETS] + list(_UP)
    twisted = [f"x/../../{SECRET}/a.npy", f"./{SECRET}/../../{SECRET}/a.npy", f"{root.name}/../../{SECRET}/a.npy"]
    mine = [str(secret / "a.npy"), str(secret / "model"), str(secret), f"{root}/../{SECRET}/a.npy", f"{root}/.."]
    mine += [str(secret / "a.npy").upper(), f"{root}{secret}/a.npy", os.path.relpath(secret / "a.npy")]
    mine += [urllib.parse.quote(str(secret / "a.npy"), safe=""), f"file://{secret}/a.npy", f"{root}-other/a.npy"]
    every = (
        *climbing, *twisted, *mine, *_ABSOLUTE, *_WINDOWS, *_NULS, *_LOOKALIKES, *_ENCODED, *_LONG, *_SHELL, *_MADE,
    )  # fmt: skip
    return list(dict.fromkeys(every))
