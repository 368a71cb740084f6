"""Limits and addresses are checked where they are given."""

import dataclasses
import inspect
from pathlib import Path

import pytest

from predictor.errors import InputError, RefusedError
from server.access.address import check_address
from server.config import Config, Limits
from server.workforce.worker_plan import plan_slots


def test_the_environment_overrides_limits():
    config = Config.read({"W2S_LIMIT_MAX_ROWS": "7", "W2S_LIMIT_DRAIN_SECONDS": "0.5", "W2S_STATE_DIR": "/s"})
    assert (config.limits.max_rows, config.limits.drain_seconds, config.state_dir) == (7, 0.5, Path("/s"))


def test_arguments_go_before_the_environment():
    given = {"W2S_ADDRESS": "127.0.0.1:1", "W2S_LIMIT_MAX_ROWS": "7", "W2S_STATE_DIR": "/s"}
    config = Config.read(given, address="127.0.0.1:2", state_dir=Path("/t"), limits={"max_rows": "8"})
    assert (config.address, config.state_dir, config.limits.max_rows) == ("127.0.0.1:2", Path("/t"), 8)


def test_the_default_listens_on_this_machine_only():
    assert Config.read({}).address == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("MAX_ROWS", "1", "limit max_rows is 1; it must be at least 2 rows"),
        ("MAX_ROWS", "1.5", "limit max_rows is '1.5'; it must be a whole number"),
        ("HEARTBEAT_SECONDS", "nan", "limit heartbeat_seconds is nan; it must be at least 0.01 seconds"),
        ("HEARTBEAT_SECONDS", "inf", "limit heartbeat_seconds is inf"),
        ("NONSENSE", "1", "there is no limit 'nonsense'. w2s serve --help has all."),
        ("WORKER", "1", "there is no limit 'worker'; did you mean workers?"),
    ],
)
def test_a_bad_limit_is_named(name, value, text):
    with pytest.raises(InputError, match=text):
        Config.read({f"W2S_LIMIT_{name}": value})


def test_time_and_memory_of_a_job_have_bounds_by_default():
    limits = Limits()
    assert 0 < limits.max_candidate_seconds <= limits.max_job_seconds <= 6 * 3600
    assert all(share.data_bytes > 0 for share in plan_slots(limits, ()))


def test_every_limit_is_documented_and_has_a_unit():
    documented = inspect.getdoc(Limits)
    for one in dataclasses.fields(Limits):
        assert f"{one.name}: " in documented
        assert one.metadata["unit"]


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:50051", "127.9.9.9:1", "[::1]:50051"])
def test_loopback_addresses_are_taken(address):
    assert check_address(address) == address


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "host.example:1"])
def test_other_addresses_are_refused(address):
    with pytest.raises(RefusedError, match="is open to other machines, which is refused without TLS"):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["", "50051", "localhost", "localhost:", "localhost:99999", "unix:rel.sock", "a:b:c"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="address"):
        check_address(address)


def test_a_socket_path_longer_than_the_system_takes_is_refused(tmp_path):
    with pytest.raises(InputError, match="the system takes 107 for a socket"):
        check_address(f"unix:{tmp_path}/{'x' * 108}")
