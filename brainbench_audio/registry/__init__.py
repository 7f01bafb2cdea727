"""Finds plugins and looks things up by id."""

from brainbench_audio.registry.hookspecs import hookimpl

__all__ = ["hookimpl"]
