"""What somebody would write without this project: fitparse, pandas, the best efforts of each file. Nothing is cleaned.

python benchmarks/_plain_script.py FILE.fit...   two processes; one JSON object a file, at last the seconds of all

The clock starts after the imports, as it does for the pipeline.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import fitparse
import numpy as np
import pandas as pd

POWER_SECONDS = (
    1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1200, 1800, 2400, 3600, 5400, 7200,
    10800, 14400, 18000,
)  # fmt: skip
SPEED_SECONDS = tuple(s for s in POWER_SECONDS if s >= 5)
RUN_METERS = (
    400, 800, 1000, 1500, 1609.344, 3000, 3218.688, 5000, 8046.72, 10000, 15000, 16093.44, 20000, 21097.5, 30000, 42195,
    50000, 80467.2, 100000,
)  # fmt: skip
SWIM_METERS = (50, 100, 200, 400, 500, 750, 800, 1000, 1500, 1900, 3800, 5000)
METERS = {"running": RUN_METERS, "walking": RUN_METERS, "hiking": RUN_METERS, "swimming": SWIM_METERS}


def efforts(path: str) -> dict[str, Any]:
    """The best efforts of one file: watts and m/s by seconds, seconds by metres."""
    fit = fitparse.FitFile(path)
    records = [message.get_values() for message in fit.get_messages("record")]
    sport = next((m.get_values().get("sport") for m in fit.get_messages("session")), None)
    frame = pd.DataFrame(records).set_index("timestamp").sort_index()
    frame = frame[~frame.index.duplicated(keep="last")]
    frame = frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq="1s"))
    found: dict[str, Any] = {"path": path, "power": {}, "speed": {}, "distance": {}}
    if "power" in frame:
        power = frame["power"].astype(float).ffill(limit=3)
        for seconds in POWER_SECONDS:
            best = power.rolling(seconds).mean().max()
            if best > 0:
                found["power"][seconds] = best
    if "distance" in frame:
        meters = frame["distance"].astype(float).interpolate()
        for seconds in SPEED_SECONDS:
            best = ((meters - meters.shift(seconds)) / seconds).max()
            if best > 0:
                found["speed"][seconds] = best
        found["distance"] = _distances(meters.to_numpy(), METERS.get(str(sport), ()))
    return found


def _distances(meters: np.ndarray, wanted: tuple[float, ...]) -> dict[float, float]:
    """Seconds for each distance, from every second on."""
    meters = np.maximum.accumulate(meters[~np.isnan(meters)])
    found = {}
    for distance in wanted:
        ends = np.searchsorted(meters, meters + distance)
        reached = ends < len(meters)
        if reached.any():
            found[distance] = float((ends - np.arange(len(meters)))[reached].min())
    return found


if __name__ == "__main__":
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        for told in pool.map(efforts, sys.argv[1:]):
            print(json.dumps(told))
    print(json.dumps({"seconds": time.perf_counter() - began}))
