"""Three made-up two-second sounds for parity checks that must run without any recording.

``parity_sounds(sample_rate)`` gives the same sounds on every machine (up to rounding):
a gliding harmonic complex, a series of noise bursts and a buzzing vowel sequence.
Each has a noise floor 40 dB below its peak: in bands of digital silence a log-mel value
is FFT rounding and nothing else, and two correct front ends would differ by several dB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def parity_sounds(sample_rate: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return {name: float32 waveform of 2 * sample_rate samples, peak 0.5}."""
    n = 2 * sample_rate
    t = np.arange(n) / sample_rate
    nyquist = sample_rate / 2

    f0 = 180.0 * 2.0**t  # one octave a second
    phase = 2 * np.pi * np.cumsum(f0) / sample_rate
    glide = sum(np.where(k * f0 < nyquist, np.sin(k * phase) / k, 0.0) for k in range(1, 13)) * (
        1.0 + 0.8 * np.sin(2 * np.pi * 4.0 * t)
    )

    noise = np.random.RandomState(2015).standard_normal(n)
    bursts = noise * np.exp(-18.0 * (t % 0.31))

    buzz_phase = 2 * np.pi * np.cumsum(110.0 + 25.0 * np.sin(2 * np.pi * 1.5 * t)) / sample_rate
    vowels = np.zeros(n)
    formants = [(700, 1200, 2600), (300, 2200, 3000), (350, 800, 2400), (550, 1800, 2500)]
    for i, peaks in enumerate(formants):
        gate = ((t >= 0.5 * i) & (t < 0.5 * (i + 1))) * np.sin(np.pi * ((t * 2) % 1.0)) ** 2
        for k in range(1, 40):
            f = k * 110.0
            if f < nyquist:
                gain = sum(1.0 / (1.0 + ((f - p) / 120.0) ** 2) for p in peaks)
                vowels += gate * gain * np.sin(k * buzz_phase)

    floor = 0.01 * np.random.RandomState(165).standard_normal(n)
    sounds = {}
    for name, x in {"glide": glide, "bursts": bursts, "vowels": vowels}.items():
        noisy = x / np.abs(x).max() + floor
        sounds[name] = (0.5 * noisy / np.abs(noisy).max()).astype(np.float32)
    return sounds
