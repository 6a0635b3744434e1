"""Parses a run control file of fetchmail into its entries. What the options mean is not decided here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from shared.importing.fetchmail.entries import Entry, LocalName, Option, RunControl, User
from shared.importing.fetchmail.grammar import GLOBAL, NOISE, SERVER, USER, Form, denied, is_keyword, keyword
from shared.importing.fetchmail.lexer import Kind, Token, tokens
from shared.importing.result import UnreadableImport
from shared.model.errors import quoted

TEXTS = frozenset({Kind.WORD, Kind.STRING})
ENTRIES = frozenset({"set", "defaults", "poll", "skip"})


def parse(text: str) -> RunControl:
    """Parse the text of a run control file. Raises `UnreadableImport` where fetchmail refuses it, too."""
    return _Parser(tokens(text)).run_control()


class _Parser:
    def __init__(self, source: Iterable[Token]) -> None:
        self._tokens = [each for each in source if not (each.kind is Kind.WORD and each.text in NOISE)]
        self._at = 0

    @property
    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _keyword(self) -> str | None:
        """Return the keyword that comes next; None if a value or the end does."""
        token = self._next
        if token is None or token.kind is not Kind.WORD or not is_keyword(token.text):
            return None
        return keyword(token.text)

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def run_control(self) -> RunControl:
        file = RunControl()
        while self._next is not None:
            word = self._keyword()
            if word not in ENTRIES:
                file.unknown.append(self._unknown())
                continue
            token = self._take()
            if word == "set":
                self._global(file, token)
            elif word == "defaults":
                if file.defaults is not None:
                    raise UnreadableImport(token.line, "there is a second `defaults`")
                file.defaults = self._entry(Entry(token.line, "defaults"))
            else:
                name = self._text(token, "the name of a server")
                file.entries.append(self._entry(Entry(token.line, name, word == "poll")))
        return file

    def _global(self, file: RunControl, token: Token) -> None:
        on = self._without_no()
        word = self._keyword()
        if word is None or word not in GLOBAL:
            file.unknown.append(self._unknown(token))
            return
        written = self._take()
        if self._next is not None and self._next.kind is Kind.MAP:
            self._take()
        file.options[word] = self._option(word, GLOBAL[word], written, on=on)

    def _entry(self, entry: Entry) -> Entry:
        user: User | None = None
        while self._next is not None and (word := self._keyword()) not in ENTRIES:
            if word == "user":
                user = self._user()
                entry.users.append(user)
            elif (found := self._named(SERVER)) is not None:
                self._server_option(entry, user, *found)
            elif (found := self._named(USER)) is not None or word in {"is", "to"}:
                if user is None:
                    user = User(self._tokens[self._at].line)
                    entry.users.append(user)
                self._user_option(user, found)
            else:
                entry.unknown.append(self._unknown())
        return entry

    def _named(self, table: Mapping[str, Form]) -> tuple[str, int] | None:
        """Return the option that comes next, and how many tokens name it; None if it is not in the table."""
        word = self._keyword()
        if word is None or self._next is None:
            return None
        if word in table:
            return word, 1
        flag = denied(self._next.text)
        if word == "no" and self._at + 1 < len(self._tokens):
            following = keyword(self._tokens[self._at + 1].text)
            return (following, 2) if table.get(following) in {Form.FLAG, Form.ENVELOPE} else None
        return (flag, 0) if flag is not None and flag in table else None

    def _server_option(self, entry: Entry, user: User | None, name: str, length: int) -> None:
        line = self._tokens[self._at].line
        if user is not None:
            raise UnreadableImport(
                line,
                f'the option "{name}" of a server stands behind those of a user; fetchmail refuses that, too',
            )
        _put(entry.options, self._named_option(name, length, SERVER[name]), SERVER[name])

    def _user_option(self, user: User, found: tuple[str, int] | None) -> None:
        if found is not None:
            name, length = found
            _put(user.options, self._named_option(name, length, USER[name]), USER[name])
            return
        token = self._take()
        names, wildcard = self._local_names(token)
        if self._keyword() == "there":
            self._take()
            if len(names) != 1 or wildcard or names[0].of is not None:
                raise UnreadableImport(token.line, f'"{token.text} … there" takes one name')
            user.remote = names[0].name
            return
        if self._keyword() == "here":
            self._take()
        user.local += names
        user.wildcard = wildcard

    def _named_option(self, name: str, length: int, form: Form) -> Option:
        """Take an option. A `length` of 0 is one word such as `nokeep`, of 2 `no` and the option."""
        first = self._take()
        if length == 2:
            self._take()
        return self._option(name, form, first, on=length == 1)

    def _user(self) -> User:
        token = self._take()
        names, wildcard = self._local_names(token)
        where = self._keyword()
        if where in {"here", "there"}:
            self._take()
        if where == "here":
            return User(token.line, local=names, wildcard=wildcard)
        if len(names) != 1 or names[0].of is not None or wildcard:
            raise UnreadableImport(token.line, 'several names follow "user", and no "here"')
        return User(token.line, remote=names[0].name)

    def _local_names(self, behind: Token) -> tuple[list[LocalName], bool]:
        names: list[LocalName] = []
        while self._is_text():
            token = self._take()
            if self._next is not None and self._next.kind is Kind.MAP:
                here = self._text(self._take(), "a name")
                names.append(LocalName(here, token.text, token.line))
            else:
                names.append(LocalName(token.text, None, token.line))
        wildcard = self._next is not None and self._next.kind is Kind.WILDCARD
        if wildcard:
            self._take()
        if not names and not wildcard:
            raise UnreadableImport(behind.line, f'"{quoted(behind.text)}" is followed by no name')
        return names, wildcard

    def _option(self, name: str, form: Form, token: Token, *, on: bool) -> Option:
        values: tuple[str, ...] = ()
        if not on or form is Form.FLAG:
            pass
        elif form is Form.STRING:
            values = (self._text(token, "text"),)
        elif form is Form.STRINGS:
            values = (self._text(token, "text"), *self._more(TEXTS))
        elif form is Form.NUMBER:
            values = (self._number(token),)
        elif form is Form.NUMBERS:
            values = (self._number(token), *self._more({Kind.NUMBER}))
        elif form is Form.WORD:
            values = (self._word(token),)
        else:
            values = (*self._more({Kind.NUMBER}, 1), self._text(token, "the name of a header field"))
        return Option(name, token.line, values, on)

    def _more(self, kinds: Iterable[Kind], limit: int = 1_000_000) -> Iterator[str]:
        while self._next is not None and self._next.kind in kinds and self._keyword() is None and limit > 0:
            limit -= 1
            yield self._take().text

    def _is_text(self) -> bool:
        return self._next is not None and self._next.kind in TEXTS and self._keyword() is None

    def _text(self, behind: Token, what: str) -> str:
        if not self._is_text():
            raise UnreadableImport(behind.line, f'"{quoted(behind.text)}" is not followed by {what}')
        return self._take().text

    def _number(self, behind: Token) -> str:
        token = self._next
        if token is None or not (
            token.kind is Kind.NUMBER or (token.kind is Kind.STRING and token.text.isdecimal())
        ):
            raise UnreadableImport(behind.line, f'"{quoted(behind.text)}" is not followed by a number')
        return self._take().text

    def _word(self, behind: Token) -> str:
        token = self._next
        if token is None or token.kind not in {*TEXTS, Kind.NUMBER}:
            raise UnreadableImport(behind.line, f'"{quoted(behind.text)}" is not followed by its value')
        return self._take().text

    def _without_no(self) -> bool:
        """Take a `no`; return whether there was none."""
        token = self._next
        if token is None:
            return True
        if self._keyword() == "no":
            self._take()
            return False
        flag = denied(token.text)
        if flag is None or token.kind is not Kind.WORD:
            return True
        self._tokens[self._at] = token._replace(text=flag)
        return False

    def _unknown(self, behind: Token | None = None) -> Option:
        """Take what is not understood, up to the next keyword."""
        first = self._next
        if first is None:
            assert behind is not None, "something is there that is not understood"
            return Option(behind.text, behind.line)
        self._take()
        values = []
        while self._next is not None and self._keyword() is None:
            values.append(self._take().text)
        return Option(first.text, first.line, tuple(values))


def _put(options: dict[str, Option], option: Option, form: Form) -> None:
    """Enter an option. A list that is given twice goes on; of everything else the last one counts."""
    earlier = options.get(option.name)
    if form is Form.STRINGS and earlier is not None:
        option = Option(option.name, earlier.line, (*earlier.values, *option.values))
    options[option.name] = option
