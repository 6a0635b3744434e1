"""How the questions of `mailferry account add` are asked: at a terminal, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import click

from shared.model.errors import quoted
from shared.operations.account_draft import Draft, summary
from shared.operations.account_wizard import Question, Topic, answered
from shared.runtime.exit_codes import FAILURE, TEMPORARY_FAILURE

Asker: TypeAlias = Callable[[Draft, Question], Draft]
"""Returns the draft with the answer to a question."""
OPTIONS = {Topic.SERVER: "--source", Topic.PASSWORD: "--password-file or --password-stdin"}
"""The options that answer a question, where they are not called like its topic."""


def ask_at_terminal(draft: Draft, question: Question) -> Draft:
    """Ask until the answer can be used. Raises `click.Abort` on an interrupt, or at the end of the input."""
    if question.topic is Topic.CONFIRMATION:
        for title, value in summary(draft):
            click.echo(f"  {title}: {quoted(value, 500)}", err=True)
    for choice in question.choices:
        text = f"  {choice.value}: {choice.text}" if choice.text else f"  {choice.value}"
        click.echo(quoted(text, 500), err=True)
    while True:
        text = click.prompt(
            question.text,
            default=question.default,
            hide_input=question.is_secret,
            type=str,
            err=True,
        )
        try:
            return answered(draft, question.topic, text)
        except ValueError as problem:
            click.echo(f"{problem}", err=True)


def refuse_to_ask(*, take_defaults: bool) -> Asker:
    """Return what takes the place of a person: it takes the defaults, or says which option is missing."""

    def answer(draft: Draft, question: Question) -> Draft:
        if question.topic is Topic.FAILURE:
            assert draft.login is not None
            raise click.exceptions.Exit(TEMPORARY_FAILURE if draft.login.temporary else FAILURE)
        option = OPTIONS.get(question.topic, f"--{question.topic.value}")
        if take_defaults and question.default is not None:
            try:
                return answered(draft, question.topic, question.default)
            except ValueError as problem:
                raise click.UsageError(f"{problem} Give {option}.") from problem
        if question.topic is Topic.CONFIRMATION:
            raise click.UsageError("There is no terminal to ask for a confirmation; --yes gives it.")
        hint = "" if take_defaults or question.default is None else ", or --yes to take the default"
        raise click.UsageError(f"{question.text}: give {option}{hint}.")

    return answer
