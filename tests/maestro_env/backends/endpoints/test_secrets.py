"""Keys: read when needed, shown never."""

import pickle
import traceback

import pytest

from maestro_env.backends.endpoints.secrets import Secret, read_secret
from maestro_env.errors import ConfigurationError

KEY = "sk-very-secret-0123"


def test_secret__shows_itself_nowhere() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == KEY
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(secret)


def test_secret__is_cut_out_of_what_a_server_says() -> None:
    secret = Secret(KEY)
    assert secret.redact(f"no such key {KEY}!") == "no such key [key]!"
    assert secret.redact_bytes(f"no such key {KEY}!".encode()) == b"no such key [key]!"
    assert Secret("").redact("nothing to hide") == "nothing to hide"
    assert Secret("").redact_bytes(b"nothing to hide") == b"nothing to hide"


def test_secret__that_stands_for_none_is_no_part_of_what_a_model_says() -> None:
    for key in ("x", "EMPTY"):
        assert Secret(key).redact("an EMPTY box") == "an EMPTY box"
        assert Secret(key).redact_bytes(b"an EMPTY box") == b"an EMPTY box"


def test_read_secret__from_the_environment() -> None:
    assert read_secret("MY_KEY", endpoint="e", environment={"MY_KEY": f" {KEY}\n"}).reveal() == KEY
    assert read_secret("", endpoint="e", environment={}).reveal() == ""


def test_read_secret__not_set() -> None:
    with pytest.raises(ConfigurationError, match=r"'paid'.*variable MY_KEY, which is not set"):
        read_secret("MY_KEY", endpoint="paid", environment={})


def test_read_secret__no_header_can_hold_it() -> None:
    with pytest.raises(ConfigurationError, match="MY_KEY of endpoint 'paid' holds characters") as raised:
        read_secret("MY_KEY", endpoint="paid", environment={"MY_KEY": f"{KEY}\r\nHost: elsewhere"})
    assert KEY not in "".join(traceback.format_exception(raised.value))
