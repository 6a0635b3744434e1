from __future__ import annotations

from pathlib import Path

import pytest

from shared.config.document import Document, read_document
from shared.model.errors import ConfigurationError
from tests.fakes.configuration import ConfigurationFile


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = 1\nb = \nc = 3\n", 'mailferry.toml:2: not valid TOML: "b" has no value'),
        (
            "[broker]\n\n[broker]\n",
            (
                "mailferry.toml:3: not valid TOML: [broker] is there twice; put its keys together, or write "
                "[[broker]] for each of several"
            ),
        ),
        (
            "a = 1\n\nb = [1,\n",
            (
                "mailferry.toml:3: not valid TOML: the file ends here, and a value, a quotation mark or a "
                "closing bracket is still expected"
            ),
        ),
        (
            'a = """\n\n',
            (
                "mailferry.toml:1: not valid TOML: text that begins with a quotation mark does not end with "
                'one; write "…"'
            ),
        ),
    ],
)
def test_a_syntax_error_is_reported_with_its_line(file: ConfigurationFile, text: str, sentence: str) -> None:
    assert file.problems(text) == [sentence]


def test_a_missing_file_is_reported(file: ConfigurationFile) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_document(file.path)
    assert refusal.value.problems == [f"{file.path}: cannot be read: No such file or directory"]


def test_a_directory_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_a_file_that_is_not_utf_8_is_reported(file: ConfigurationFile) -> None:
    file.path.write_bytes(b'a = "\xff"\n')
    with pytest.raises(ConfigurationError, match="cannot be read: it is not UTF-8 text"):
        read_document(file.path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_from_windows_is_read_and_its_lines_are_counted(
    file: ConfigurationFile, encoding: str
) -> None:
    file.path.write_bytes('a = """ä\r\n"""\r\n[b]\r\nc = 1\r\n'.encode(encoding))
    document = read_document(file.path)
    assert document.data == {"a": "ä\n", "b": {"c": 1}}
    assert document.line_of(("b", "c")) == 4
    file.path.write_bytes("a = 1\r\nb =\r\n".encode(encoding))
    with pytest.raises(ConfigurationError, match=r"mailferry\.toml:2: not valid TOML"):
        read_document(file.path)


def test_a_relative_path_starts_from_the_files_directory(file: ConfigurationFile) -> None:
    file.path.write_text("")
    document = read_document(file.path)
    assert document.absolute_path("secrets/a") == file.path.parent / "secrets/a"
    assert document.absolute_path("/etc/a") == Path("/etc/a")


def test_what_is_in_the_data_is_found_and_what_is_not_is_not() -> None:
    document = Document({"accounts": [{"name": "a"}]}, "command line", Path("/"))
    assert document.has_key(("accounts", 0, "name"))
    assert not document.has_key(("accounts", 1))
    assert not document.has_key(("accounts", 0, "name", "x"))
    assert not document.has_key(("relay",))


def test_without_a_file_the_origin_alone_is_named() -> None:
    assert Document({}, "command line", Path("/")).location_of(("accounts", 0)) == "command line"
