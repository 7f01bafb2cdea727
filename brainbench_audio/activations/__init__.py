"""From waveforms to the activations of a model's layers, on disk."""
