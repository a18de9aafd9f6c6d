"""What every stage after the streams begins with: the session under the sport that counts, cleaned by its bounds.

The sport is what a sidecar says, else the file, else what the streams tell (`infer_sport`). It decides bounds, efforts
and metrics, so the version of this module is part of the version of each of those stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from perf_pipeline.formats.model import Session
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.physiology.activity import ActivitySummary, summarise
from perf_pipeline.physiology.cleaning import CleanStreams, clean
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.sport_inference import infer_sport
from perf_pipeline.physiology.timeline import Timelines
from perf_pipeline.storage.sessions import StoredSession

SIDECAR, FILE, INFERRED, UNKNOWN = "sidecar", "file", "inferred", "unknown"
_SAYS_NOTHING = frozenset({"", "generic", "other", "all", "unknown", "uncategorized", "default", "none", "sport"})
"""Words by which a file says that it does not know the sport. One that we do not know is `other`, by the file."""


@dataclass(frozen=True, slots=True)
class NamedSport:
    """A sport and who named it. `confidence` and `evidence` where nobody but the streams told, or did not."""

    sport: str
    source: str
    confidence: float | None = None
    evidence: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Prepared:
    """A session with the sport that counts, and what can be believed of its streams."""

    stored: StoredSession
    clean: CleanStreams
    named: NamedSport

    @cached_property
    def summary(self) -> ActivitySummary:
        return summarise(self.stored.session, self.clean)

    @cached_property
    def lines(self) -> Timelines:
        return Timelines(self.clean)


def prepare(stored: StoredSession, sidecar_type: str | None) -> Prepared:
    """Cleans the session by the bounds of its sport; where that is inferred, once more than otherwise."""
    session = stored.session
    named = _told(session, sidecar_type)
    if named is not None:
        return _under(stored, named)
    unbounded = clean(replace(session, sport="other"))
    answer = infer_sport(unbounded, session)
    if isinstance(answer, Refusal):
        named = NamedSport("other", UNKNOWN, None, {"refusal": answer.reason})
        return Prepared(replace(stored, session=replace(session, sport="other")), unbounded, named)
    named = NamedSport(answer.sport, INFERRED, round(answer.confidence, 3), {"told_by": list(answer.evidence)})
    return _under(stored, named)


def _under(stored: StoredSession, named: NamedSport) -> Prepared:
    session = replace(stored.session, sport=named.sport)
    return Prepared(replace(stored, session=session), clean(session), named)


def _told(session: Session, sidecar_type: str | None) -> NamedSport | None:
    """What a person or the file says of the sport; None where neither says anything."""
    if sidecar_type:
        return NamedSport(sport_of(sidecar_type), SIDECAR)
    if session.sport != "other":
        return NamedSport(session.sport, FILE)
    for word in (session.sport_raw, session.sub_sport):
        if word and word.strip().lower() not in _SAYS_NOTHING:
            return NamedSport(sport_of(word), FILE)
    return None
