"""The columns that count mails, and what they mean: the same words in `once`, `status`, `demo`,
`test-login` and `explain --live`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import click

from services.cli.output import Column
from services.cli.running import execute
from shared.config import Configuration
from shared.model.errors import MailferryError
from shared.operations.source_counts import AccountCounts, known_counts

WAITING = Column("waiting", "Waiting", number=True, whole=True)
KEPT = Column("copies", "Kept", number=True, whole=True, optional=True)
PUT_ASIDE = Column("skipped", "Put aside", number=True, whole=True, optional=True)
IN_CUSTODY = Column("in_flight", "In custody", number=True, whole=True, optional=True)
SUPPRESSED = Column("suppressed", "Suppressed", number=True, whole=True, optional=True)
DELIVERED = Column("delivered", "Delivered", number=True, whole=True)
PARKED = Column("parked", "Parked", number=True, whole=True)
LEGEND = (
    "Waiting: mails at the source that are not done. Kept: delivered mails that stay at the source, as "
    "`retention` says. Put aside: mails that are left at the source because of `begin`. In custody: mails "
    "that were fetched and are not delivered to all yet. Delivered: recipients, in this pass. Parked: "
    "recipients that wait for your decision, from all passes. Suppressed: recipients who had an identical "
    "mail already."
)


def counts_known(configuration: Configuration, accounts: Sequence[str]) -> Mapping[str, AccountCounts]:
    """Return what the database knows of these accounts. A login is tested without one, too: where it does not
    answer, the reason goes to standard error.
    """
    try:
        return execute(partial(known_counts, configuration, accounts))
    except MailferryError as error:
        click.echo(f"mailferry: what is kept and waiting at the source is not known: {error}", err=True)
        return {}
