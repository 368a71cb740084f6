"""Any request gets a declared answer: every route, with bodies and parameters of every wrong type."""

import random

import pytest

from server.app import DECLARED
from server.http.routes import routes
from server.http.statuses import CODES, SPECIFIC

DECLARED_STATUSES = {*CODES.values(), *SPECIFIC.values()} - {500}
NUMBERS = (None, True, 0, -1, 1.5, 1e308, 10**400)
TEXTS = ("", "a", "-1", "NaN", "Infinity", "1e9s", "-9s", "99999999999s", "AAAA", "=", "\ud800", "\x00", "x" * 3000)
LEAVES = (*NUMBERS, *TEXTS, [], [None], [[]], {}, {"a": 1}, [{}], {"": {}})
NAMES = "id name requestId query strong weak pool ids texts settings timeout labels manifest shape dtype data"
KEYS = ("none", "%00", "..", "%2e%2e%2f", "a" * 300, "%f0%9f%98%80", "-1")
VALUES = ("-1", "", "x", "%00", "1e9s", "9" * 20)


def wrong(rng, depth=0):
    """A value that is most likely not what any field takes."""
    if depth > 3 or rng.random() < 0.4:
        return rng.choice(LEAVES)
    return {rng.choice(NAMES.split()): wrong(rng, depth + 1) for _ in range(rng.randrange(4))}


@pytest.mark.parametrize("route", routes(DECLARED), ids=lambda route: route.method.name)
def test_any_request_gets_a_declared_status(open_web, route):
    rng = random.Random(route.path)
    for turn in range(12):
        path = route.path.replace("{key}", rng.choice(KEYS))
        if route.has_body:
            fields = {field.json_name: wrong(rng) for field in route.method.input_type.fields}
            reply = open_web.ask(route.verb, path, fields if turn else b"\xff")
        else:
            names = ["offset", "shape", "size_bytes", *(field.name for field in route.method.input_type.fields)]
            query = "&".join(f"{rng.choice(names)}={rng.choice(VALUES)}" for _ in range(2))
            reply = open_web.ask(route.verb, f"{path}?{query}", b"x" if route.verb == "PUT" else None)
        assert reply.status in DECLARED_STATUSES, reply
        assert reply.status == 200 or reply.json["code"]
    assert open_web.running.events("internal_error") == []
