"""TLS: the server's certificate, read again when its files change, and what clients must show."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from predictor.errors import InputError
from server.telemetry.logs import log, log_error

FOLLOW_SECONDS = 1.0
"""Pause between two looks at the files, for connections of HTTP; gRPC looks at each handshake."""


@dataclass(frozen=True)
class TLSFiles:
    """PEM files.

    Attributes:
        certificate: the server's chain, its own certificate first.
        key: its private key.
        client_ca: authorities of client certificates, which every connection must then show; None for none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def every(self) -> tuple[Path, ...]:
        """Each file that is set."""
        return (self.certificate, self.key) if self.client_ca is None else (self.certificate, self.key, self.client_ca)


def server_credentials(files: TLSFiles) -> Any:
    """Credentials that follow their files: each handshake uses what is on disk, as long as it is sound.

    Raises:
        InputError: a file is missing or unusable now.
    """
    stamps, first = _stamps(files), _configuration(files)

    def fetch() -> Any:
        """A new configuration, or None where the last one is still current. Called by gRPC's threads."""
        nonlocal stamps
        seen = _stamps(files)
        if seen == stamps:
            return None
        stamps = seen
        try:
            fresh = _configuration(files)
        except InputError as error:
            log_error("certificate_unusable", error)
            return None
        log("certificate_read")
        return fresh

    return grpc.dynamic_ssl_server_credentials(first, fetch, require_client_authentication=files.client_ca is not None)


def server_context(files: TLSFiles) -> ssl.SSLContext:
    """A context of Python's own TLS, for HTTP.

    Raises:
        InputError: a file is missing or unusable.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    _load(context, files)
    return context


async def follow_files(context: ssl.SSLContext, files: TLSFiles) -> None:
    """Have new handshakes of a context use the certificate on disk, as long as it is sound. Runs until cancelled.

    The authorities of client certificates stay: OpenSSL takes more of them in a context, and gives none up.
    """
    stamps = _stamps(files)
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        seen = _stamps(files)
        if seen == stamps:
            continue
        stamps = seen
        try:
            _check(files)  # what is half new must not be loaded
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
        except (InputError, OSError) as error:
            log_error("certificate_unusable", error)


def _configuration(files: TLSFiles) -> Any:
    parts = [_read(path) for path in files.every]
    _check(files)
    return grpc.ssl_server_certificate_configuration([(parts[1], parts[0])], *parts[2:])


def _check(files: TLSFiles) -> None:
    """Load the files as Python's own TLS does: gRPC takes a key of another certificate, and fails each handshake."""
    _load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), files)


def _load(context: ssl.SSLContext, files: TLSFiles) -> None:
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
    except (OSError, ValueError) as error:
        raise InputError(
            f"TLS files {', '.join(repr(str(path)) for path in files.every)} do not fit together; give PEM files, a "
            "key without a password, and the certificate that belongs to it.",
            reason="BAD_CERTIFICATE",
            field="tls_cert",
        ) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"TLS file {str(path)!r} cannot be read ({error.strerror}).", reason="BAD_CERTIFICATE", field="tls_cert"
        ) from error


def _stamps(files: TLSFiles) -> tuple[object, ...]:
    found: list[object] = []
    for path in files.every:
        try:
            stat = path.stat()
            found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append(None)
    return tuple(found)
