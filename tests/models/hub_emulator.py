"""A fake hub: the part of its HTTP interface that a download uses, over folders of this machine.

Not the real hub. It serves repositories at their commits, refuses without a token, and breaks connections on demand.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class FakeHub:
    """Repositories, who may read them, and what goes wrong.

    Attributes:
        root: `owner/name/` are the files of branch main.
        tokens: repository -> token that reads it; other repositories are public.
        gated: repositories whose files are closed to everybody.
        breaks: ending of a file's name -> bytes after which its downloads are cut off.
        stalls: ending of a file's name -> bytes after which nothing more comes, until `released` is set.
        status: part of a path -> status that it is answered with.
        released: ends what stalls.
        address: while it is served.
        requests: method and path of each request, and where its range begins.
    """

    root: Path
    tokens: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    breaks: dict[str, int] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    status: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def commit(self, repository: str) -> str:
        """The SHA-1 of names and contents."""
        digest = hashlib.sha1(repository.encode())
        for name in self.files(repository):
            digest.update(f"{name}\0{etag(self.root / repository / name)}\n".encode())
        return digest.hexdigest()

    def files(self, repository: str) -> list[str]:
        """Paths inside, sorted."""
        folder = self.root / repository
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def fetched(self) -> list[str]:
        """Names of the files that were downloaded, in order."""
        return [
            path.split("/resolve/")[1].partition("/")[2]
            for method, path, _ in self.requests
            if method == "GET" and "/resolve/" in path
        ]

    def reference(self, repository: str, inner: str = "") -> str:
        """How the command line names it."""
        return f"hub:{repository}@{self.commit(repository)}" + (f"/{inner}" if inner else "")


def etag(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[FakeHub]:
    """The hub library talks to this hub, and stores what it fetches in a folder."""
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    hub.address = address
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("W2S_OFFLINE", raising=False)
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()


def _sibling(folder: Path, name: str) -> dict[str, Any]:
    size = (folder / name).stat().st_size
    return {"rfilename": name, "size": size, "lfs": {"sha256": etag(folder / name), "size": size, "pointerSize": 130}}


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silent."""

        def do_HEAD(self) -> None:
            self._serve()

        def do_GET(self) -> None:
            self._serve()

        def _serve(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range") or ""))
            parts = path.strip("/").split("/")
            repository = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
            forced = next((code for part, code in hub.status.items() if part in path), None)
            if forced is not None:
                return self._error(forced, "Injected")
            token = hub.tokens.get(repository)
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            if not (hub.root / repository).is_dir() or (token and bearer != token):
                return self._error(401, "RepoNotFound")  # so does the real one, of both
            revision = parts[5] if parts[0] == "api" and len(parts) > 5 else parts[3] if parts[0] != "api" else "main"
            commit = hub.commit(repository)
            if revision not in ("main", commit):
                return self._error(404, "RevisionNotFound")
            if parts[0] == "api":
                siblings = [_sibling(hub.root / repository, name) for name in hub.files(repository)]
                return self._json({"id": repository, "modelId": repository, "sha": commit, "siblings": siblings})
            if repository in hub.gated:
                return self._error(403, "GatedRepo")
            return self._file(hub.root / repository, "/".join(parts[4:]), commit)

        def _file(self, folder: Path, name: str, commit: str) -> None:
            file = folder / name
            if not file.is_file():
                return self._error(404, "EntryNotFound")
            data, asked = file.read_bytes(), self.headers.get("Range") or ""
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            self.send_response(206 if asked else 200)
            for key, value in {
                "ETag": f'"{etag(file)}"',
                "X-Repo-Commit": commit,
                "Accept-Ranges": "bytes",
                "Content-Length": str(len(data) - start),
                "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}",
            }.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return None
            stalled = next((count for ending, count in hub.stalls.items() if name.endswith(ending)), None)
            if stalled is not None:
                self.wfile.write(data[start : max(start, stalled)])
                hub.released.wait(120)
                return None
            cut = next((count for ending, count in hub.breaks.items() if name.endswith(ending)), None)
            self.wfile.write(data[start:] if cut is None else data[start : max(start, cut)])
            if cut is not None:
                self.close_connection = True
                self.connection.close()
            return None

        def _json(self, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _error(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
