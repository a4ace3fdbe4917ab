"""What `kpi funnel` answers beyond its steps: over time, against another period, under other rules, and who it was."""

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]
STEPS = ("funnel", "--steps", "visit,basket,order", "--within", "7d")


def test_every_rule_is_echoed(kpi: Kpi, stranger: Path) -> None:
    rules = ("--order", "ordered", "--grace", "2s", "--within-step", "1h,-", "--exclusion", "unit", "--exclude", "x")
    found = kpi(*STEPS, *rules, "--attempt", "first_ever", "--workspace", stranger, "--json").json
    told = found["definition"]
    wanted = {"within_step": ["1h", None], "grace": "2s", "exclusion": "unit", "attempt": "first_ever", "preset": None}
    assert {name: told[name] for name in wanted} == wanted
    assert told["table"] == "events"
    said = kpi(*STEPS, *rules, "--workspace", stranger).out
    assert "grace 2s" in said
    assert "within_step 1h, -" in said


def test_a_preset_is_echoed_with_the_rules_it_stands_for(kpi: Kpi, stranger: Path) -> None:
    asked = ("funnel", "--steps", "visit,order", "--preset", "mixpanel", "--workspace", stranger)
    told = kpi(*asked, "--json").json["definition"]
    assert (told["preset"], told["attempt"], told["within"], told["grace"]) == ("mixpanel", "first", "7d", "2s")
    assert "rules (as mixpanel): within 7d" in kpi(*asked).out


def test_a_funnel_over_time(kpi: Kpi, stranger: Path) -> None:
    asked = (*STEPS, "--every", "month", "--workspace", stranger)
    found = kpi(*asked, "--json").json
    assert [each["start"] for each in found["periods"]][:2] == ["2026-03-01", "2026-04-01"]
    march = kpi(*STEPS, "--period", "2026-03", "--workspace", stranger, "--json").json
    assert found["periods"][0]["steps"] == march["steps"]
    said = kpi(*asked)
    assert "do not add up" in said.err
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_two_periods_step_by_step(kpi: Kpi, stranger: Path) -> None:
    asked = (*STEPS, "--period", "2026-04", "--against", "2026-03", "--workspace", stranger)
    found = kpi(*asked, "--json").json
    assert [row["event"] for row in found["comparison"]["rows"]] == [
        "visit → basket",
        "basket → order",
        "visit → order",
    ]
    first = found["comparison"]["rows"][0]
    assert (first["units"], first["of"]) == tuple(found["now"]["steps"][at]["units"] for at in (1, 0))
    assert (first["other_units"], first["other_of"]) == tuple(found["before"]["steps"][at]["units"] for at in (1, 0))
    said = kpi(*asked).out
    assert "associated, not caused" in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_segments_come_with_their_comparison(kpi: Kpi, stranger: Path) -> None:
    found = kpi(*STEPS, "--by", "Country", "--workspace", stranger, "--json").json
    assert {row["what"] for row in found["comparison"]["rows"]} == {"DE", "FR", "US", "null"}
    every = kpi(*STEPS, "--by", "Country", "--attribution", "all", "--workspace", stranger, "--json")
    assert "comparison" not in every.json
    assert "do not add up" in every.err


def test_the_strip_has_a_line_for_every_system(kpi: Kpi, stranger: Path) -> None:
    asked = (*STEPS, "--strip", "--workspace", stranger)
    found = kpi(*asked, "--json").json["definitions"]
    assert [each["name"] for each in found] == ["as asked", "posthog", "mixpanel", "amplitude", "windowfunnel"]
    plain = kpi(*STEPS, "--workspace", stranger, "--json").json
    assert [row["units"] for row in found[0]["steps"]] == [row["units"] for row in plain["steps"]]
    said = kpi(*asked).out
    reasons = kpi(*asked, "--json").json["definitions"][1:]
    told = [why for each in reasons for why in each["reasons"]]
    assert "for 0" not in said
    assert said.count("no change here") == sum(not why["units"] and not why["retimed"] for why in told) > 0
    assert "mixpanel takes the first attempt instead of the best" in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_times_in_bins_add_up_to_those_who_converted(kpi: Kpi, stranger: Path) -> None:
    found = kpi(*STEPS, "--histogram", "--workspace", stranger, "--json").json
    assert sum(row["units"] for row in found["histogram"]) == found["steps"][-1]["units"] > 0
    assert "time to convert" in kpi(*STEPS, "--histogram", "--workspace", stranger).out


def test_who_it_was_goes_to_a_file_that_is_never_overwritten(kpi: Kpi, stranger: Path, tmp_path: Path) -> None:
    place = tmp_path / "who.csv"
    found = kpi(*STEPS, "--users", place, "--workspace", stranger, "--json")
    with place.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    outcomes = [row["outcome"] for row in rows]
    assert outcomes.count("converted") == found.json["steps"][-1]["units"]
    assert outcomes.count("in_progress") == found.json["in_progress"]
    assert {row["step"] for row in rows if row["outcome"] == "dropped"} <= {"1", "2"}
    again = kpi(*STEPS, "--users", place, "--workspace", stranger)
    assert again.status == 2
    assert "not overwritten" in again.err
    assert pl.read_csv(place).height == len(rows)


REFUSED = {
    "too few windows": (["--within-step", "1d"], "gives 1 windows for 2 steps"),
    "no window": (["--within-step", "1d,0d"], "no duration"),
    "optional first": (["--steps", "visit?,basket,order"], "first and the last step"),
    "optional last": (["--steps", "visit,basket,order?"], "first and the last step"),
    "optional twice": (["--steps", "visit,basket?,basket,order"], "stands alone"),
    "grace and order": (["--grace", "2s", "--order", "strict"], "do not go together"),
    "grace and ties": (["--grace", "2s", "--ties", "strict"], "choose one"),
    "windows without order": (["--within-step", "1d,1d", "--order", "unordered"], "do not go together"),
    "optional and strict": (["--steps", "visit,basket?,order", "--order", "strict"], "do not go together"),
    "repeats alone": (["--repeats"], "belongs to order strict"),
    "exclusion": (["--exclusion", "users"], "unit"),
    "attribution": (["--attribution", "lst"], "Did you mean last"),
    "no such step": (["--attribution", "step:4"], "there are 1 to 3"),
    "value of words": (["--value", "event"], "holds no numbers"),
    "unknown value": (["--value", "amout"], "unknown column"),
    "unknown hold": (["--hold", "Contry"], "Did you mean Country"),
    "unknown grid": (["--every", "weak"], "unknown grid"),
    "against nothing": (["--against", "2026-03"], "--period"),
    "two questions": (["--strip", "--every", "week"], "one at a time"),
    "users of many": (["--strip", "--users", "x.csv"], "leave --strip out"),
    "nowhere": (["--users", "no/such/folder/x.csv"], "cannot be written"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_meaning_is_refused_in_one_message(kpi: Kpi, stranger: Path, case: str) -> None:
    options, told = REFUSED[case]
    said = kpi(
        "funnel",
        *(["--steps", "visit,basket,order"] if "--steps" not in options else []),
        *options,
        "--workspace",
        stranger,
    )
    assert said.status == 2, said.out
    assert told in said.err
    assert len(said.err.strip().splitlines()) <= 6
    assert "Traceback" not in said.err


def test_the_count_is_named_by_what_is_counted(kpi: Kpi, stranger: Path) -> None:
    """With a value held the same somebody counts once for each value; with all attempts, once for each attempt."""
    for options, head in (
        ((), "users"),
        (("--hold", "Country"), "user × Country"),
        (("--unit", "session"), "sessions"),
        (("--attempt", "all"), "attempts"),
    ):
        lines = kpi(*STEPS, *options, "--workspace", stranger).out.splitlines()
        words = " ".join(lines[: next(at for at, row in enumerate(lines) if row.startswith("1 "))]).split()
        assert set(head.split()) <= set(words)
        assert ("users" in words) == (head == "users")
