"""A static site of results that opens from disk: no server, no network."""

from brainbench_audio.report.site.build import build_site

__all__ = ["build_site"]
