"""A schematic drawing of the auditory cortex with its four regions, shaded by a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from brainbench_audio.markup import Markup, tag
from brainbench_audio.registry.ids import BenchmarkId

# an outline of the hemisphere and the fissure above the temporal lobe; own drawing
_OUTLINE = (
    "M20,120C14,52 84,10 170,10C256,10 318,50 318,112C318,146 298,160 272,162C250,188 200,202 "
    "140,204C70,206 36,192 32,164C22,152 20,136 20,120Z"
)
_FISSURE = "M30,122C90,92 180,70 300,44"
# each with the middle of its text
_REGIONS: Mapping[str, tuple[str, float, float]] = {
    "anterior": ("M42,150C40,118 66,102 106,96L114,176C72,182 46,176 42,150Z", 79, 142),
    "primary": ("M106,96C144,86 180,78 222,68L228,112L110,138Z", 166, 104),
    "lateral": ("M110,138L228,112L233,150C190,166 150,174 114,176Z", 171, 148),
    "posterior": ("M222,68C270,56 300,70 300,104C300,134 270,144 233,150Z", 263, 108),
}
_STRONGEST = 0.45  # dark text stays readable on it, and light text in the dark


def regions_of(benchmark: str, benchmarks: Iterable[str]) -> dict[str, str]:
    """Return the benchmarks of single regions that belong to one of a whole data set.

    Examples
    --------
    >>> regions_of("NH2015-rsa", ["NH2015.primary-rsa", "NH2015.primary-ridge", "NH2015-rsa"])
    {'primary': 'NH2015.primary-rsa'}
    """
    found = {}
    for name in benchmarks:
        parsed = BenchmarkId.parse(name)
        if parsed.subset in _REGIONS and str(replace(parsed, subset=None)) == benchmark:
            found[str(parsed.subset)] = name
    return found


def cortex(name: str, shown: Mapping[str, tuple[float | None, str]]) -> Markup:
    """Draw the cortex.

    Parameters
    ----------
    name : str
        What is drawn, for those who do not see it.
    shown : mapping of str to (float or None, str)
        For each region a shade from 0 to 1 and a short text; those without are empty.
    """
    parts = [tag("path", d=_OUTLINE, class_="cortex"), tag("path", d=_FISSURE, class_="fissure")]
    labels = []
    for region, (outline, x, y) in _REGIONS.items():
        shade, text = shown.get(region, (None, "–"))
        strength = None if shade is None else f"{_STRONGEST * min(max(shade, 0.0), 1.0):.3f}"
        title = tag("title", f"{region}: {text}")
        drawn = "region" if strength else "region absent"
        parts.append(tag("path", title, d=outline, class_=drawn, fill_opacity=strength))
        middle = {"x": x, "text_anchor": "middle", "class_": "strong"}
        labels.append(tag("text", region, y=y - 3, **middle))
        labels.append(tag("text", text, y=y + 11, **middle))
    told = ", ".join(f"{region} {text}" for region, (_, text) in shown.items())
    return tag(
        "svg", parts, labels, viewBox="0 0 336 212", role="img", aria_label=f"{name}: {told}"
    )
