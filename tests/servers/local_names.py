"""The `mailferry` command with names, web ports and an authority that only the test knows.

Run as a module. The environment says HOSTS_FILE, HTTPS_PORT and CA_FILE; no name server is asked.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from services.cli.__main__ import main
from shared.autoconfig.fetching import Web
from shared.net import mx, resolver, srv
from shared.net.resolver import AddressBook, HostsFile, NameServers
from shared.operations import account_adding


def prepare() -> None:
    """Let the command use the test's servers."""
    nobody = NameServers(Path("/nonexistent"))
    book = AddressBook(HostsFile(Path(os.environ["HOSTS_FILE"])), nobody)
    web = partial(Web, ca_file=os.environ["CA_FILE"], https_port=int(os.environ["HTTPS_PORT"]))
    replaced = ((resolver, "ADDRESS_BOOK", book), (mx, "SERVERS", nobody), (srv, "SERVERS", nobody))
    for module, name, value in (*replaced, (account_adding, "Web", web)):
        setattr(module, name, value)


if __name__ == "__main__":
    prepare()
    main()
