"""Who gets a run: a pure decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.pipeline.inbox import BATCH, BATCHES_PER_TICK, SINGLE_RUNS, Failures, News, plan_runs, read_inbox
from perf_pipeline.storage.objects import ObjectInfo

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HANDLES = st.sets(st.text("abc0", min_size=1, max_size=8), max_size=40)


def news(*handles: str) -> News:
    return News(dict.fromkeys(handles, 1), 0, ())


def item(key: str, age_seconds: float = 60.0) -> ObjectInfo:
    return ObjectInfo(key, 1, NOW - timedelta(seconds=age_seconds))


@given(HANDLES, HANDLES, st.dictionaries(st.text("abc0", min_size=1, max_size=8), st.integers(1, 12), max_size=20))
def test_every_athlete_with_news_is_asked_for_once_or_held(
    ready: set[str], busy: set[str], failed: dict[str, int]
) -> None:
    failures = {handle: Failures(count, NOW - timedelta(minutes=4)) for handle, count in failed.items()}
    plan = plan_runs(news(*ready), busy, failures, NOW)
    asked = [*plan.single, *(handle for batch in plan.batches for handle in batch)]
    assert sorted([*asked, *plan.held]) == sorted(ready)
    # 30 s, 1 min, 2 min have passed after four minutes; the fourth failure in a row makes it 4 min, which has too.
    backing_off = {handle for handle, count in failed.items() if count > 4}
    assert set(plan.held) == {handle for handle in ready if handle in busy or handle in backing_off}


def test_up_to_ten_athletes_get_a_run_each() -> None:
    plan = plan_runs(news(*(f"a{i}" for i in range(SINGLE_RUNS))), (), {}, NOW)
    assert (len(plan.single), plan.batches) == (10, ())


def test_more_than_ten_share_a_run() -> None:
    handles = [f"a{i:02}" for i in range(11)]
    plan = plan_runs(news(*handles), (), {}, NOW)
    assert (plan.single, plan.batches) == ((), (tuple(handles),))


def test_a_shared_run_has_at_most_200_athletes_and_a_tick_at_most_five_of_them() -> None:
    handles = [f"a{i:04}" for i in range(1201)]
    batches = plan_runs(news(*handles), (), {}, NOW).batches
    assert [len(batch) for batch in batches] == [200] * 5
    assert [h for batch in batches for h in batch] == handles[: BATCH * BATCHES_PER_TICK]


@pytest.mark.parametrize(
    ("count", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240), (7, 1920), (8, 3600), (9, 3600), (500, 3600)]
)
def test_the_wait_after_failures_doubles_from_half_a_minute_to_an_hour(count: int, seconds: int) -> None:
    failed = Failures(count, NOW)
    assert failed.until() == NOW + timedelta(seconds=seconds)
    early = plan_runs(news("ann"), (), {"ann": failed}, NOW + timedelta(seconds=seconds - 1))
    on_time = plan_runs(news("ann"), (), {"ann": failed}, NOW + timedelta(seconds=seconds))
    assert (early.held, on_time.single) == (("ann",), ("ann",))


def test_settled_files_are_news_and_growing_ones_wait() -> None:
    found = read_inbox([item("inbox/ann/a.fit"), item("inbox/ann/b/c.fit"), item("inbox/bob/a.fit", 1.9)], NOW, 2.0)
    assert (dict(found.ready), found.growing, found.misplaced) == ({"ann": 2}, 1, ())


def test_a_file_is_taken_at_the_age_that_says_it_has_settled() -> None:
    assert read_inbox([item("inbox/ann/a.fit", 2.0)], NOW, 2.0).ready == {"ann": 1}


def test_a_clock_that_runs_a_little_ahead_does_not_make_a_file_look_settled() -> None:
    assert read_inbox([item("inbox/ann/a.fit", -30)], NOW, 2.0).growing == 1


def test_a_file_dated_into_the_far_future_does_not_wait_for_that_day() -> None:
    assert read_inbox([item("inbox/ann/a.fit", -400 * 86_400)], NOW, 2.0).ready == {"ann": 1}


def test_whoever_asks_not_to_wait_gets_files_of_whatever_age() -> None:
    assert read_inbox([item("inbox/ann/a.fit", -30), item("inbox/ann/b.fit", 0)], NOW, 0.0).ready == {"ann": 2}


def test_files_outside_every_athletes_folder_are_named_once_by_their_folder() -> None:
    listing = [item("inbox/Ann Smith/a.fit"), item("inbox/Ann Smith/b.fit"), item("inbox/loose.fit")]
    found = read_inbox(listing, NOW, 2.0)
    assert (dict(found.ready), found.misplaced) == ({}, ("inbox/Ann Smith", "inbox/loose.fit"))


def test_a_file_whose_name_no_key_can_hold_does_not_ask_for_runs_for_ever() -> None:
    found = read_inbox([item("inbox/ann/\udce4.fit")], NOW, 2.0)
    assert (dict(found.ready), found.misplaced) == ({}, ("inbox/ann",))
