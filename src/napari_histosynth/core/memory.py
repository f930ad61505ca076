"""How much memory a process has had."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_memory() -> float | None:
    """Return the most memory that this process held, in megabytes of a million bytes.

    Returns
    -------
    float or None
        None where the system does not tell.
    """
    # what getrusage tells begins with what the process had that started this one
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024e-6
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) * 1e-6
