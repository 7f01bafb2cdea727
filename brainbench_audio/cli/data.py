"""`brainbench data`: list, fetch and find the data sets."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

from brainbench_audio.cards import DatasetCard
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import DataError


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("data", help="list, fetch or find data sets")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all data sets, and which are here")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=list_data)
    get = actions.add_parser("get", help="download a data set, or install it from a folder")
    get.add_argument("id")
    get.add_argument(
        "--from", dest="source", metavar="PATH", help="a folder or archive you have already"
    )
    get.add_argument("--sha256", metavar="HASH", help="the archive must have this checksum")
    get.set_defaults(run=get_data)
    path = actions.add_parser("path", help="print the folder of a data set")
    path.add_argument("id")
    path.set_defaults(run=print_path)


def list_data(options: argparse.Namespace) -> int:
    """Print all data sets."""
    from brainbench_audio.registry.lookup import registered

    head = ("data set", "stimuli", "size", "folder")
    rows = [
        (entry.card.id, entry.card.stimuli, entry.card.size, _folder(entry.card))
        for entry in registered(DatasetCard)
    ]
    if options.json:
        keys = [name.replace(" ", "_") for name in head]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(head, rows)
    return 0


def get_data(options: argparse.Namespace) -> int:
    """Fetch one data set and print its folder."""
    from brainbench_audio.registry.lookup import find_dataset, load_attribute

    card = find_dataset(options.id).card
    if card.downloader is None:
        print(f"{card.id} needs no download: {card.source}")
        return 0
    demanded = {"sha256": options.sha256} if options.sha256 else {}
    download = load_attribute(card.downloader)
    try:
        inspect.signature(download).bind(card, options.source, **demanded)
    except TypeError as error:
        raise DataError(f"{card.id} has no archive of its own to hold to --sha256.") from error
    print(download(card, options.source, **demanded))
    return 0


def print_path(options: argparse.Namespace) -> int:
    """Print the folder of one data set."""
    from brainbench_audio.registry.lookup import find_dataset

    card = find_dataset(options.id).card
    folder = _folder(card)
    if folder is None:
        raise DataError(f"{card.id} is not here: `brainbench data get {card.id}` ({card.size}).")
    print(folder)
    return 0


def _folder(card: DatasetCard) -> str | None:
    from brainbench_audio.registry.lookup import load_attribute

    if card.locator is None:
        return None
    found: Path | None = load_attribute(card.locator)(card)
    return str(found) if found else None
