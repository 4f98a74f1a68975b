"""Which frequencies the embeddings of modular arithmetic are made of, at each step.

Source: Nanda et al. 2023; `grok.measures.FourierPower` records them.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grok.analysis.read import files
from grok.analysis.read.sweep import Sweep
from grok.record.names import FOURIER

MOST_SPECTRA = 4


class Spectrum(NamedTuple):
    """What a member recorded after the initialisation, which has no place on a logarithmic axis.

    Attributes:
        steps: optimizer steps, shape (n,).
        power: share of each frequency there, shape (n, frequencies).
    """

    steps: NDArray[np.int64]
    power: NDArray[np.float64]


def spectra(sweep: Sweep) -> dict[int, Spectrum]:
    """Those of the first four members that recorded any, by job."""
    recorded = ((job, files.array(sweep, job, FOURIER, "power", 2)) for job in sweep.table["job"])
    kept = ((job, each) for job, each in recorded if each is not None)
    return {
        job: Spectrum(steps[steps > 0], power[steps > 0])
        for job, (steps, power) in itertools.islice(kept, MOST_SPECTRA)
    }
