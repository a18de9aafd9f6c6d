"""Predictions as the terminal tells them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from perf_pipeline.terminal.predicting import Question, answer, predictions_table, question_of


def row(target: str, value: float, low: float, high: float) -> dict[str, Any]:
    kind, size, _ = target.split(" ")
    power = kind == "power"
    return {
        "athlete": "ann", "sport": "bike" if power else "run", "target": target,
        "duration_seconds": int(size) if power else None, "distance_meters": None if power else float(size),
        "value": value, "value_low": low, "value_high": high, "unit": "W" if power else "s", "model": "form",
        "current_best": value, "beats_best_probability": 0.42, "refusal": None,
    }  # fmt: skip


ROWS = [
    row("power 300 s", 330, 315, 345),
    row("power 1200 s", 280, 268, 292),
    row("distance 5000 m", 1270.2, 1240, 1305),
    row("distance 10000 m", 2650, 2580, 2740),
    {**row("distance 42195 m", 1, 1, 1), "refusal": "too little is known", "value": None, "model": "none"},
]


def shown(*rows: dict[str, Any]) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(predictions_table(rows))
    return console.export_text()


def test_a_race_time_stands_with_its_interval_and_model() -> None:
    line = next(line for line in shown(*ROWS).splitlines() if " 5 km" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "run", "5 km", "21:10", "20:40 to 21:45", "21:10", "42 %", "form",
    ]  # fmt: skip


def test_a_refusal_stands_with_its_reason() -> None:
    assert "too little is known" in shown(*ROWS)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question("duration", 600.0), "bike: 304 W, 90 % 291 to 317 W"),
        (Question("power", 280.0), "bike: 20:00, 90 % 13:44 to longer than the longest predicted"),
        (Question("distance", 5000.0), "run: 21:10, 90 % 20:40 to 21:45"),
        (Question("pace", 265.0), "run: 44:10, 90 % 27:26 to longer than the longest predicted"),
    ],
)
def test_each_question_has_its_answer(question: Question, said: str) -> None:
    assert answer(ROWS, question) == [said]


def test_one_thing_is_asked_at_a_time_and_in_words_that_are_times() -> None:
    assert question_of(None, "4:25", None, None) == Question("pace", 265.0)
    assert question_of(None, None, None, None) is None
    with pytest.raises(ValueError, match="one thing at a time"):
        question_of(250, "4:25", None, None)
    for told in ("quick", "1:2:3:4", "-4:00", "0:00", "nan"):
        with pytest.raises(ValueError, match=r"no time|above zero"):
            question_of(None, told, None, None)
