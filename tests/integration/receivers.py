"""The real receivers that the outputs are tested against. Each function finds one, starts it for a
scenario and ends it with the scenario; without it the scenario is skipped (`./dev receivers NAME`
installs it)."""

import os
import shutil
from pathlib import Path

from harness import Skip

CACHE = Path(os.environ.get("WEIR_CACHE", Path.home() / ".cache/weir")) / "receivers"


def program(name, receiver):
    """The path of an installed program that belongs to a receiver."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed; ./dev receivers {receiver} does that")
    return path


def cached(receiver, *names):
    """A file of a receiver that was downloaded or built."""
    path = CACHE.joinpath(receiver, *names)
    if not path.exists():
        raise Skip(f"{receiver} is not there; ./dev receivers {receiver} gets it")
    return path
