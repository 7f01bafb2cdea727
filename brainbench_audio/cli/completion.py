"""`brainbench completion`: lets a shell complete verbs, options and ids."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_CANDIDATES = "candidates"
# each hands the words up to the cursor over on standard input, a line each, and takes what could
# stand there; without any, the shell offers files
_SCRIPTS = {
    "bash": """\
_brainbench() {
    local IFS=$'\\n'
    COMPREPLY=($(printf '%s\\n' "${COMP_WORDS[@]:1:COMP_CWORD}" |
        "$1" completion candidates 2>/dev/null))
}
complete -o default -F _brainbench brainbench
""",
    "zsh": """\
_brainbench() {
    local -a found
    found=(${(f)"$(printf '%s\\n' "${(@)words[2,CURRENT]}" |
        "${words[1]}" completion candidates 2>/dev/null)"})
    if (( ${#found} )); then
        compadd -a found
    else
        _files
    fi
}
compdef _brainbench brainbench
""",
    "fish": """\
function __brainbench
    set -l words (commandline -opc)[2..] (commandline -ct)
    printf '%s\\n' $words | brainbench completion candidates 2>/dev/null
end
complete -a '(__brainbench)' -c brainbench
""",
}
# what an argument takes, by its name; by verb and name where that means something else
_IDS = {
    "against": ("benchmarks",),
    "benchmark": ("benchmarks",),
    "compared": ("benchmarks",),
    "data get id": ("data",),
    "data path id": ("data",),
    "dataset": ("data",),
    "family": ("families",),
    "given": ("models",),
    "id": ("models", "benchmarks", "metrics", "data"),
    "ids": ("models", "benchmarks", "metrics", "data"),
    "metric": ("metrics",),
    "model": ("models",),
    "models": ("models",),
    "plugins": ("plugins",),
}


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "completion",
        help="complete verbs, options and ids in your shell",
        description="Print the script that lets a shell complete verbs, options and ids: "
        'eval "$(brainbench completion bash)" in ~/.bashrc; zsh likewise, behind compinit; '
        "brainbench completion fish | source in config.fish.",
    )
    parser.add_argument(
        "shell", choices=(*_SCRIPTS, _CANDIDATES), metavar=f"{{{','.join(_SCRIPTS)}}}"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script, or what could stand where the cursor is."""
    if options.shell != _CANDIDATES:
        print(_SCRIPTS[options.shell], end="")
        return 0
    words = sys.stdin.read().split("\n")[:-1]
    for candidate in candidates(options.whole, words or [""]):
        print(candidate)
    return 0


def candidates(whole: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Return what could stand at the cursor.

    Parameters
    ----------
    whole : argparse.ArgumentParser
        Of the command line.
    words : sequence of str
        Behind the command, up to the cursor; the last is the one to be completed.
    """
    *before, current = words
    parser, pending, place = whole, None, 0
    for word in before:
        if word.startswith("-"):
            action = _option(parser, word)
            pending = action if action is not None and action.nargs != 0 else None
        elif pending is not None:
            # an option of one value has it now, one of several takes more
            pending = pending if pending.nargs in ("+", "*") else None
        elif (verbs := _verbs(parser)) is not None:
            if word not in verbs.choices:
                return []
            parser, place = verbs.choices[word], 0
        else:
            place += 1
    if current.startswith("-"):
        found: Iterable[str] = _options(parser)
    elif pending is not None:
        found = _values(parser, pending)
    else:
        found = _positional_values(parser, place)
    return sorted({one for one in found if one.startswith(current)})


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return next((one for one in parser._actions if word in one.option_strings), None)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for one in parser._actions for name in one.option_strings if name[:2] == "--"]


def _verbs(parser: argparse.ArgumentParser) -> Any:
    """Return the action that takes a verb, or the action of one."""
    kind = argparse._SubParsersAction
    return next((one for one in parser._actions if isinstance(one, kind)), None)


def _positional_values(parser: argparse.ArgumentParser, place: int) -> Iterable[str]:
    positional = [one for one in parser._actions if not one.option_strings]
    if place >= len(positional) and not (positional and positional[-1].nargs in ("+", "*")):
        return _options(parser)
    return _values(parser, positional[min(place, len(positional) - 1)])


def _values(parser: argparse.ArgumentParser, action: argparse.Action) -> Iterable[str]:
    if action.choices is not None:
        return [name for name in map(str, action.choices) if name != _CANDIDATES]
    verb = parser.prog.partition(" ")[2]
    kinds = _IDS.get(f"{verb} {action.dest}", _IDS.get(action.dest, ()))
    return [name for kind in kinds for name in _listed(kind)]


def _listed(kind: str) -> Iterable[str]:
    from brainbench_audio.cards import DatasetCard, ModelCard
    from brainbench_audio.registry.discovery import plugins
    from brainbench_audio.registry.lookup import list_ids, registered

    lists: dict[str, Callable[[], Iterable[str]]] = {
        "models": lambda: list_ids("model"),
        "benchmarks": lambda: list_ids("benchmark"),
        "metrics": lambda: list_ids("metric"),
        "data": lambda: (
            name
            for card in (entry.card for entry in registered(DatasetCard))
            for name in (card.id, *(f"{card.id}.{subset}" for subset in card.subsets))
        ),
        "families": lambda: (entry.card.family for entry in registered(ModelCard)),
        "plugins": lambda: (plugin.distribution for plugin in plugins()),
    }
    return lists[kind]()
