"""`make chaos`: a campaign against Mailferry on this machine, telling what it does."""

from __future__ import annotations

import argparse
import time

from rich.console import Console

from tests.chaos.campaign import campaign, chosen
from tests.chaos.stage import stage


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="another one each time by default")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"chaos with seed {options.seed}")
    with stage() as played:
        outcome = campaign(played, options.seed, chosen(options.seed, options.rounds), console.print)
    console.print(str(outcome))


if __name__ == "__main__":
    main()
