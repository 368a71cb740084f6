"""Endpoints: TLS, tokens, metrics address and audit log of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import InputError
from server.access.tls import TLSFiles

NAMES = ("tls_cert", "tls_key", "client_ca", "tokens", "metrics", "audit_log", "http")
"""Flags of the command, and in capitals after W2S_ the variables."""


@dataclass(frozen=True)
class Endpoints:
    """How the server is reached.

    Attributes:
        tls: certificate files; None for plaintext.
        tokens: file of bearer tokens; None where callers need none.
        metrics: `HOST:PORT` of metrics over HTTP; None for none.
        audit_log: file of audit lines; None for `audit.jsonl` in the state folder.
        http: `HOST:PORT` of JSON over HTTP and the page of jobs; None for none.
    """

    tls: TLSFiles | None = None
    tokens: Path | None = None
    metrics: str | None = None
    audit_log: Path | None = None
    http: str | None = None

    @property
    def guarded(self) -> bool:
        """Whether callers are authenticated, over an encrypted connection."""
        return self.tls is not None and self.authenticated

    @property
    def authenticated(self) -> bool:
        """Whether every caller proves a tenant, by a token or a client certificate."""
        return self.tokens is not None or (self.tls is not None and self.tls.client_ca is not None)

    @classmethod
    def read(cls, environment: Mapping[str, str], given: Mapping[str, str | None]) -> Endpoints:
        """From values by name, and the environment where a name has none.

        Raises:
            InputError: half of a certificate.
        """

        def one(name: str) -> str | None:
            return given.get(name) or environment.get(f"W2S_{name.upper()}", "").strip() or None

        def path(name: str) -> Path | None:
            text = one(name)
            return None if text is None else Path(text).expanduser().absolute()

        certificate, key, authority = path("tls_cert"), path("tls_key"), path("client_ca")
        if (certificate is None) != (key is None) or (certificate is None and authority is not None):
            raise InputError(
                "TLS needs --tls-cert and --tls-key together, and --client-ca needs both; give what is missing.",
                reason="BAD_CERTIFICATE",
                field="tls_cert",
            )
        tls = None if certificate is None or key is None else TLSFiles(certificate, key, authority)
        return cls(tls, path("tokens"), one("metrics"), path("audit_log"), one("http"))
