"""Draw a slide on several machines: blocks of tiles go to the workers of dask.distributed.

All workers write into one store, in a folder that all of them see. Tiles are the same to the byte as those
of one machine, as long as all machines draw on the same kind of device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.slide.drawing import Crew, Setup

_TIMEOUT_S = 20


@contextlib.contextmanager
def cluster_crew(setup: Setup, address: str) -> Iterator[Crew]:
    """Give the workers of a scheduler.

    Parameters
    ----------
    setup : Setup
        What they are told: the store and the model as the workers see them.
    address : str
        Of the scheduler, ``tcp://host:8786``.

    Raises
    ------
    HistosynthError
        If dask.distributed is not installed, no scheduler answers, or it has no worker.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise HistosynthError(
            "Drawing on a cluster needs dask.distributed; pip install 'napari-histosynth[cluster]' brings it."
        ) from error
    try:
        client = Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise HistosynthError(
            f"No scheduler answers at {address}; start 'dask scheduler' there, or correct the address."
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise HistosynthError(
                f"The scheduler at {address} has no workers; start some by 'dask worker {address}'."
            )
        # not pure: a block whose tiles were lost from the store is drawn again
        with client.get_executor(pure=False) as executor:
            yield Crew(executor, setup, threads)
