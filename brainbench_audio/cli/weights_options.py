"""Options that say which files a model's weights are read from."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from brainbench_audio.cli.selection import parsed
from brainbench_audio.cli.table import tell
from brainbench_audio.errors import UnknownId
from brainbench_audio.names import as_on_disk, from_home


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--weights`` and ``--weights-dir``."""
    parser.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        default=[],
        metavar="[MODEL=]FILE",
        help="a local checkpoint in the published format; for several models: MODEL=FILE",
    )
    parser.add_argument(
        "--weights-dir",
        type=Path,
        metavar="DIR",
        help="a folder of weights, looked at before all others: DIR/FILE or DIR/MODEL/FILE, under "
        "their published names",
    )


def chosen_weights(models: Sequence[str], options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Return for each model the option ``weights``, if one was given for it.

    Parameters
    ----------
    models : sequence of str
        Ids, with controls.
    options : argparse.Namespace
        With those of `add_weights_options` and ``misused``, which is called with a message where
        they make no sense.
    """
    from brainbench_audio.registry.ids import ModelId

    plain = {model: str(ModelId.parse(model).plain) for model in models}
    chosen: dict[str, dict[str, str]] = {model: {} for model in models}
    for text in options.weights:
        whose, file = _split(text, plain)
        if not whose:
            if len(set(plain.values())) > 1:
                options.misused(
                    f"--weights {text} is one file for {len(set(plain.values()))} models: say "
                    f"whose it is, --weights {next(iter(plain.values()))}={text}"
                )
            whose = list(models)
        for model in whose:
            if chosen[model]:
                options.misused(f"--weights gives two files for {model}: give one")
            chosen[model] = {"weights": _absolute(file)}
    if options.weights_dir is not None:
        _add_from_folder(from_home(options.weights_dir), plain, chosen, options)
    return chosen


def _split(text: str, plain: Mapping[str, str]) -> tuple[list[str], str]:
    """Take ``MODEL=FILE`` apart into models and file; both may have that sign in their names.

    No models: a file for all of them.

    Raises
    ------
    UnknownId
        It is no file, and no model of this run is named before the sign.
    """
    parts = text.split("=")
    for place in range(1, len(parts)):
        pattern = _whole("=".join(parts[:place]))
        if whose := [model for model in plain if _fits(model, plain[model], pattern)]:
            return whose, "=".join(parts[place:])
    pattern, sign, file = text.partition("=")
    if sign and not from_home(text).exists():
        near = get_close_matches(pattern, plain.values(), n=1) or sorted(plain.values())
        raise UnknownId(
            f"--weights {text} names neither a file nor a model of this run. Did you mean "
            f"{near[0]}={file}?"
        )
    return [], text


def _fits(model: str, plain: str, pattern: str) -> bool:
    """Return whether a pattern names a model, with what stands behind its ``@`` or without it."""
    names = {_whole(model), _whole(plain)}
    # the folder of a file may hold signs of a glob
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _whole(text: str) -> str:
    """Return an id with the whole path of its file, however that was written."""
    return str(parsed(text).absolute())


def _add_from_folder(
    folder: Path,
    plain: Mapping[str, str],
    chosen: dict[str, dict[str, str]],
    options: argparse.Namespace,
) -> None:
    from brainbench_audio.activations.weights_files import weights_below
    from brainbench_audio.registry.ids import ModelId
    from brainbench_audio.registry.lookup import find_model

    if not folder.is_dir():
        options.misused(f"--weights-dir {folder} is no folder")
    lacking = []
    for model, name in plain.items():
        wanted = ModelId.parse(model)
        if chosen[model] or wanted.file or wanted.scheme or wanted.control == "untrained":
            continue
        card = find_model(wanted).card
        if path := weights_below(card, folder):
            chosen[model] = {"weights": str(path.absolute())}
        elif card.weights:
            lacking.append(name)
    if lacking:
        tell(
            f"brainbench: {folder} has no weights of {', '.join(dict.fromkeys(lacking))}: they are "
            f"looked for where they usually are. `brainbench weights list` has the names of files"
        )


def _absolute(file: str) -> str:
    """Return the path from the root if it is one: other processes may work in another folder."""
    path = as_on_disk(from_home(file))
    return str(path.absolute()) if path.exists() else file
