"""`make chaos`: runs a campaign of faults on this machine, and prints each."""

from __future__ import annotations

import argparse
import time

from rich.console import Console

from tests.chaos.campaign import campaign, chosen
from tests.chaos.testbed import running_testbed


def main() -> None:
    """Run the campaign of the command line."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="another one each time by default")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"chaos with seed {options.seed}")
    with running_testbed() as testbed:
        outcome = campaign(testbed, options.seed, chosen(options.seed, options.rounds), console.print)
    console.print(str(outcome))


if __name__ == "__main__":
    main()
