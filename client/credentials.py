"""Credentials: what a client shows to a server, and what it demands of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import grpc

from predictor.errors import InputError, RefusedError

PEM = bytes | str | Path
"""PEM bytes, or the path of a PEM file."""


@dataclass(frozen=True)
class Credentials:
    """How to prove who calls; nothing of it is ever printed.

    Attributes:
        token: bearer token, or None.
        root_certificates: authorities that the server's certificate must come from; None for those of the system.
        certificate, key: the client's own, for servers that ask for one.
        tls: True or False chooses; None takes TLS where certificates are given, and where a token goes to another
            machine.
    """

    token: str | None = field(default=None, repr=False)
    root_certificates: PEM | None = field(default=None, repr=False)
    certificate: PEM | None = field(default=None, repr=False)
    key: PEM | None = field(default=None, repr=False)
    tls: bool | None = None

    def uses_tls(self, *, loopback: bool) -> bool:
        """Whether the connection is encrypted.

        Raises:
            RefusedError: a token would travel in plaintext to another machine.
            InputError: certificates without TLS, or half of a client certificate.
        """
        given = any(part is not None for part in (self.root_certificates, self.certificate, self.key))
        chosen = (given or (self.token is not None and not loopback)) if self.tls is None else self.tls
        if (self.certificate is None) != (self.key is None):
            raise InputError("a client certificate needs its key; give both.", reason="BAD_CERTIFICATE", field="key")
        if given and not chosen:
            raise InputError("certificates need TLS; leave tls out.", reason="BAD_CERTIFICATE", field="tls")
        if self.token is not None and not chosen and not loopback:
            raise RefusedError(
                "the token would travel in plaintext to another machine; leave tls out, or reach the server through "
                "a tunnel on localhost.",
                reason="PLAINTEXT_TOKEN",
                field="token",
            )
        return chosen

    def channel_credentials(self) -> Any:
        """What grpc takes for a TLS channel.

        Raises:
            InputError: a file that cannot be read.
        """
        return grpc.ssl_channel_credentials(_read(self.root_certificates), _read(self.key), _read(self.certificate))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What goes out with every call. grpc's own call credentials refuse plaintext, and with it this machine.

        Raises:
            InputError: a token that no header can carry.
        """
        token = self.token
        if token is None:
            return ()
        if not token.isascii() or not token.isprintable() or " " in token or not token:
            raise InputError(
                "the token contains blanks or other characters that no token has; give it as it was printed.",
                reason="BAD_TOKEN",
                field="token",
            )
        return (("authorization", f"Bearer {token}"),)


class Shown(TypedDict, total=False):
    """Keywords of PredictorClient that identify the caller."""

    token: str
    root_certificates: Path
    certificate: Path
    key: Path


def shown_by(environment: Mapping[str, str] = os.environ) -> Shown:
    """What W2S_TOKEN, W2S_TOKEN_FILE, W2S_ROOT_CERTIFICATES, W2S_CERTIFICATE and W2S_KEY set; see `shown`."""
    names = {"token": "TOKEN", "token_file": "TOKEN_FILE", "ca": "ROOT_CERTIFICATES", "cert": "CERTIFICATE"}
    return shown(**{name: environment.get(f"W2S_{variable}") for name, variable in (names | {"key": "KEY"}).items()})


def shown(
    *,
    token: str | None = None,
    token_file: str | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
) -> Shown:
    """What to show, as it is written on a command line: a token or its file, and paths of PEM files. Blanks are none.

    Raises:
        InputError: a token and a file of one, or a file that cannot be read.
    """
    found: Shown = {}
    if token_file and token_file.strip():
        if token and token.strip():
            raise InputError(
                "a token and a token file are given; give one of them.", reason="BAD_TOKEN", field="token_file"
            )
        token = _token_of(Path(token_file.strip()))
    if token and token.strip():
        found["token"] = token.strip()
    if ca and ca.strip():
        found["root_certificates"] = Path(ca.strip())
    if cert and cert.strip():
        found["certificate"] = Path(cert.strip())
    if key and key.strip():
        found["key"] = Path(key.strip())
    return found


def _token_of(path: Path) -> str:
    try:
        text = path.expanduser().read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise InputError(
            f"token file {str(path)!r} cannot be read as one line of plain letters; give the file that `python -m "
            "server.token add` was written to.",
            reason="BAD_TOKEN",
            field="token_file",
        ) from error
    if not text:
        raise InputError(f"token file {str(path)!r} is empty; give another.", reason="BAD_TOKEN", field="token_file")
    return text


def _read(pem: PEM | None) -> bytes | None:
    if pem is None or isinstance(pem, bytes):
        return pem
    try:
        return Path(pem).expanduser().read_bytes()
    except OSError as error:
        raise InputError(
            f"certificate file {str(pem)!r} cannot be read ({error.strerror}); give a PEM file or its bytes.",
            reason="BAD_CERTIFICATE",
            field="certificate",
        ) from error
