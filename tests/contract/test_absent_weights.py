"""Weights that are not here: whoever follows the error, line by line, has them afterwards."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from brainbench_audio import settings
from brainbench_audio.activations.weights_files import fetch_weights, local_weights
from brainbench_audio.activations.weights_places import pin_file
from brainbench_audio.cards import ModelCard
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.registry.lookup import registered

CARDS = [entry.card for entry in registered(ModelCard) if entry.card.weights]
Told = pytest.CaptureFixture[str]


@pytest.fixture(params=CARDS, ids=lambda card: card.id)
def card(request: pytest.FixtureRequest) -> ModelCard:
    """Return a card with its weights in no package."""
    given: ModelCard = request.param
    return replace(given, weights=tuple(replace(file, installed="") for file in given.weights))


def error(card: ModelCard) -> dict[str, list[str]]:
    """Return the lines of the error under what stands before their colon."""
    with pytest.raises(DataError) as raised:
        fetch_weights(card)
    first, *lines = str(raised.value).splitlines()
    assert first.startswith(f"The weights of {card.id} are not here: ")
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.strip().partition(": ")
        found.setdefault(name, []).append(text)
    return found


def test_the_error_says_all_that_is_known(card: ModelCard) -> None:
    told = error(card)
    assert len(told["file"]) == len(told["place"]) == len(card.weights)
    assert len(told["address"]) == sum(1 + len(file.mirrors) for file in card.weights)
    for published, line in zip(card.weights, told["file"], strict=True):
        name = line.partition(" (")[0]
        addresses = [address for address in told["address"] if name in address]
        assert addresses, "of each file"
        assert addresses[0].startswith("https://")
        revision = published.url.partition("@")[2]
        assert f"/resolve/{revision or 'main'}/" in addresses[0] or published.url == addresses[0]
        assert (published.sha256 or "no SHA-256 published") in line
        assert ("size not known" in line) == (not published.size)
        if not revision and published.url.startswith("hf://"):
            assert "no commit known: main, pinned at the first download" in line
        if published.by_hand:
            assert told["by hand"] == [f"{published.by_hand}."]
    assert settings.data_home() in [*Path(told["place"][0]).parents]


def test_a_file_in_its_place_is_taken(card: ModelCard, tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"weights of the test")
    sha256 = hash_file(tmp_path / "made")
    # only the bytes of the published file have a published hash
    files = tuple(replace(one, sha256=one.sha256 and sha256) for one in card.weights)
    card = replace(card, weights=files)
    places = [Path(place) for place in error(card)["place"]]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"weights of the test")
    assert local_weights(card) == places
    assert [fetch_weights(card, index) for index in range(len(places))] == places


def test_its_commands_do_what_they_say(card: ModelCard, tmp_path: Path, capsys: Told) -> None:
    told = error(card)
    for published, line in zip(card.weights, told["file"], strict=True):
        name = Path(published.member).name or line.partition(" (")[0]
        (tmp_path / name).write_bytes(b"weights of the test")
    file = tmp_path if len(card.weights) > 1 else tmp_path / name
    command = told["install a copy"][0].replace("FILE", str(file)).replace("FOLDER", str(file))
    program, *arguments = shlex.split(command)
    assert program == "brainbench"
    known = card.weights[0].sha256
    # nobody knows whose file it is, and there is nobody to ask
    assert main(arguments) == 1
    refused = capsys.readouterr().err
    assert (f"expected SHA-256 {known}" if known else "nobody can tell whether") in refused
    assert not pin_file(card, card.weights[0]).exists()
    assert main([*arguments, "--yes"]) == (1 if known else 0)
    if not known:
        places = [Path(place) for place in told["place"]]
        assert local_weights(card) == places
        for place in places:
            place.unlink()
    for command in told.get("fetch", []):
        assert card.weights[0].by_hand == ""
        get = [*shlex.split(command)[1:], "--yes"]
        # those of a package are here already
        status = 0 if local_weights(next(one for one in CARDS if one.id == card.id)) else 1
        assert main(get) == status
        assert status == 0 or "BRAINBENCH_OFFLINE forbids downloads" in capsys.readouterr().err
    assert bool(told.get("fetch")) != bool(card.weights[0].by_hand)
