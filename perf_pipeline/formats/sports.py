"""One table of sports: our words, and how files say them."""
# ruff: noqa: E501 - a sport is one line, however many words files have for it

from __future__ import annotations

from collections.abc import Mapping

SPORTS: tuple[str, ...] = (
    "bike", "run", "swim", "walk", "hike", "transition", "row", "paddle", "ski", "skate", "climb", "strength", "racket", "other",
)  # fmt: skip

_WORDS: Mapping[str, str] = {
    # FIT sport names (https://developer.garmin.com/fit, enum `sport`), TCX Sport attributes, GPX <type> words
    "cycling": "bike", "biking": "bike", "bike": "bike", "ride": "bike", "road_biking": "bike", "mountain_biking": "bike",
    "e_biking": "bike", "ebikeride": "bike", "virtualride": "bike", "virtual_ride": "bike", "gravel_cycling": "bike",
    "indoor_cycling": "bike", "bicycle": "bike", "mtb": "bike", "mountainbikeride": "bike", "gravelride": "bike",
    "running": "run", "run": "run", "trail_running": "run", "treadmill_running": "run", "virtualrun": "run", "trailrun": "run",
    "virtual_run": "run", "jogging": "run", "track_running": "run", "street_running": "run",
    "swimming": "swim", "swim": "swim", "lap_swimming": "swim", "open_water_swimming": "swim", "openwaterswimming": "swim",
    "walking": "walk", "walk": "walk", "nordic_walking": "walk", "casual_walking": "walk",
    "hiking": "hike", "hike": "hike", "mountaineering": "hike", "snowshoeing": "hike", "trekking": "hike",
    "transition": "transition",
    "rowing": "row", "row": "row", "indoor_rowing": "row",
    "paddling": "paddle", "kayaking": "paddle", "canoeing": "paddle", "stand_up_paddleboarding": "paddle", "rafting": "paddle",
    "cross_country_skiing": "ski", "alpine_skiing": "ski", "snowboarding": "ski", "backcountryski": "ski", "nordicski": "ski",
    "alpineski": "ski", "backcountry_skiing": "ski", "skiing": "ski",
    "inline_skating": "skate", "ice_skating": "skate", "iceskate": "skate", "inlineskate": "skate",
    "rock_climbing": "climb", "climbing": "climb", "rockclimbing": "climb", "bouldering": "climb", "floor_climbing": "climb",
    "training": "strength", "strength_training": "strength", "weighttraining": "strength", "fitness_equipment": "strength",
    "workout": "strength", "tennis": "racket", "racket": "racket",
    # Strava writes its activity type into <type> of exported GPX as a number
    "1": "bike", "4": "hike", "9": "run", "10": "walk", "16": "swim",
}  # fmt: skip


def sport_of(word: str | None) -> str:
    """Our word for a file's sport; `other` where the file gives none or one that we do not know.

    >>> sport_of("Biking"), sport_of("Trail Running"), sport_of(None)
    ('bike', 'run', 'other')
    """
    if not word:
        return "other"
    key = word.strip().lower().replace(" ", "_").replace("-", "_")
    return _WORDS.get(key) or _WORDS.get(key.replace("_", ""), "other")
