"""What a long work says of itself."""

from __future__ import annotations

from perf_pipeline.pipeline.pace import Pace


def test_the_rate_and_the_time_left_are_those_of_the_activities_done():
    now = iter([0.0, 10.0, 20.0]).__next__
    pace = Pace(200, 5000, clock=now)
    pace.advance(100)
    assert pace.words == "1 of 200 months, 10 activities/s, 8 min left"
    pace.advance(1900)
    assert pace.words == "2 of 200 months, 100 activities/s, 30 s left"


def test_an_end_and_a_beginning_tell_no_time():
    assert Pace(2, 10, clock=lambda: 0.0).words == "0 of 2 months, 0 activities/s"
    done = Pace(1, 10, clock=iter([0.0, 2.0]).__next__)
    done.advance(10)
    assert done.words == "1 of 1 months, 5 activities/s"
