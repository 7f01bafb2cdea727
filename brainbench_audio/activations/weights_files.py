from __future__ import annotations


def local_weights(card, weights=None):
    if not card.weights:
        return []
    if weights is not None:
        from pathlib import Path

        return [Path(weights)] if Path(weights).is_file() else None
    return None


def fetch_weights(card, index=0):
    from brainbench_audio.activations.weights import fetch_weights as f

    return f(card, index)
