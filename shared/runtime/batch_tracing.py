"""A batch of mails as spans: one for each mail in its own trace, and one for the batch, linked to all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from shared.ports.tracing import CURRENT_TRACE, Tracing


class TracedMail(NamedTuple):
    """A mail of a batch. `parent` is the context of the step before; with "" its trace begins here."""

    message: str
    parent: str = ""


@contextmanager
def traced_batch(tracing: Tracing, name: str, mails: Sequence[TracedMail]) -> Iterator[dict[str, str]]:
    """Begin a span called `name` for each mail, and one for the batch. Yields the contexts by message.

    The mails' spans are linked to the step in which we are, such as a visit. Without tracing, the contexts of
    the steps before are handed on.
    """
    if not tracing.is_on:
        yield {each.message: each.parent for each in mails if each.parent}
        return
    around = CURRENT_TRACE.get()
    with ExitStack() as spans:
        contexts = {
            each.message: spans.enter_context(
                tracing.span(name, each.parent, [around] if around else (), message=each.message)
            ).context
            for each in mails
        }
        with tracing.span(f"{name} batch", around, [*contexts.values()], mails=len(mails)):
            yield contexts
