from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import values
from shared.model.size import octets as octets_of
from shared.model.size import written_size


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("32MiB", 33554432),
        ("256 KiB", 262144),
        ("1GiB", 1073741824),
        ("7B", 7),
        ("7", 7),
        (0, 0),
        (4096, 4096),
    ],
)
def test_a_size_is_read_in_bytes(value: object, octets: int) -> None:
    assert octets_of(value) == octets


@pytest.mark.parametrize(
    "value", ["", "MiB", "-1B", "1.5MiB", "1mib", "1MB", "1 TiB", "9" * 19, -1, 10**18, 1.5, True, None]
)
def test_what_is_no_size_is_refused_with_what_is_expected(value: object) -> None:
    with pytest.raises(ValueError, match='expected a size such as "256KiB", "32MiB" or a number of bytes'):
        octets_of(value)


@given(st.integers(0, 10**17))
def test_a_size_is_read_as_it_was_written(octets: int) -> None:
    assert octets_of(written_size(octets)) == octets


@given(st.text(max_size=20))
def test_any_text_is_either_a_size_or_refused(text: str) -> None:
    try:
        assert octets_of(text) >= 0
    except ValueError:
        return


@pytest.mark.parametrize("value", ["acme", "a", "7up", "corp.example", "a_b-c+d", "x" * 64])
def test_a_plain_name_is_taken(value: str) -> None:
    assert values.name(value) == value


@pytest.mark.parametrize("value", ["", "a/b", "bob@acme", "-a", "a b", "ä", "a\n", "x" * 65, 7, None])
def test_a_name_that_would_not_fit_into_logs_and_paths_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected up to 64 letters"):
        values.name(value)


@pytest.mark.parametrize("value", ["a\0b", "a\rb", "a\nb"])
def test_text_that_would_break_a_command_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must not contain NUL or a line end"):
        values.text(value)


def test_an_invalid_address_is_refused_with_the_reason() -> None:
    with pytest.raises(
        ValueError, match=r'"bob@acme\.\.com" is no valid address: domain has an invalid label'
    ):
        values.address("bob@acme..com")


def test_a_web_address_has_a_host_and_no_password() -> None:
    assert values.web_address("http://127.0.0.1:4318") == "http://127.0.0.1:4318"
    assert values.web_address("https://otel.example/base") == "https://otel.example/base"
    for wrong in ("", "127.0.0.1:4318", "ftp://x.example", "http:///v1", "https://u:secret@x.example", 4318):
        with pytest.raises(ValueError, match="expected an address") as raised:
            values.web_address(wrong)
        assert "secret" not in str(raised.value)


def test_a_listening_address_is_host_and_port() -> None:
    assert values.listen("127.0.0.1:9464") == values.Listen("127.0.0.1", 9464)
    assert values.listen("[::1]:0") == values.Listen("::1", 0)
    assert values.listen("") is None


@pytest.mark.parametrize(
    "value", ["127.0.0.1", ":9464", "host:", "host:65536", "::1:9464", "host:x", 9464, None]
)
def test_a_listening_address_without_host_or_port_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match='expected "host:port"'):
        values.listen(value)


@given(st.sampled_from(["127.0.0.1", "localhost", "::1", "fe80::1"]), st.integers(0, 65535))
def test_a_listening_address_is_read_as_it_was_written(host: str, port: int) -> None:
    assert values.listen(str(values.Listen(host, port))) == values.Listen(host, port)


def test_methods_stay_in_the_order_in_which_they_are_written() -> None:
    assert values.auth_methods(["user", "scram-sha-256", "ntlm"]) == ("user", "scram-sha-256", "ntlm")
    assert values.auth_methods("auto") == ()


def test_what_is_no_list_of_methods_is_refused() -> None:
    with pytest.raises(ValueError, match='"telepathy" is not known'):
        values.auth_methods(["telepathy"])
    with pytest.raises(ValueError, match='expected "auto" or a list of these'):
        values.auth_methods([])
    with pytest.raises(ValueError, match="given twice"):
        values.auth_methods(["user", "user"])


def test_every_detection_can_be_switched_off() -> None:
    assert values.detections(["banner", "capa"]) == ("banner", "capa")
    assert values.detections([]) == ()
    with pytest.raises(ValueError, match="given twice"):
        values.detections(["capa", "capa"])


@pytest.mark.parametrize("written", ["ab" * 32, "AB" * 32, ":".join(["aB"] * 32)])
def test_a_pin_is_read_as_openssl_writes_it(written: str) -> None:
    assert values.pin("sha256:" + written) == "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    "written", ["", "sha256:", "ab" * 32, "sha256:" + "ab" * 31, "sha256:" + "xy" * 32, 7]
)
def test_what_is_no_pin_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match='expected "sha256:"'):
        values.pin(written)
