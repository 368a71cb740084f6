"""Reached again: what a command proposes to type next reaches the same server, and shows no token."""

from __future__ import annotations

import argparse

from client.cli.connection import where


def flags(**given: str | None) -> argparse.Namespace:
    return argparse.Namespace(
        **{"server": None, "token": None, "token_file": None, "ca": None, "cert": None, "key": None} | given
    )


def test_the_flags_of_the_same_server_are_repeated_without_the_token():
    asked = flags(server="host:1", token="w2s_secret", token_file="my token", ca="ca.pem", cert="c.pem", key="k.pem")
    assert where(asked) == " --server host:1 --token-file 'my token' --ca ca.pem --cert c.pem --key k.pem"
    assert where(flags(server="localhost:50051")) == " --server localhost:50051"


def test_this_users_own_server_needs_no_flag():
    assert where(flags(ca="ca.pem")) == ""
