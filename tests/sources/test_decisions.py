"""Decision files: written once and whole, read back as they were, and refused where they are wrong."""

import os
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_lib.answers.decisions import TYPES, Decision
from kpi_lib.core.errors import KpiError, UsageError, WorkspaceError
from kpi_lib.sources.decisions import read_decisions, slug, write_decision

MADE = Decision(
    date=date(2026, 2, 10), decision="Shorter form", type="experience", signal="people leave", owner="growth",
    kpi="orders", expect="+5 %", due=date(2026, 6, 30), look=date(2026, 4, 15),
)  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())


def kept(folder: Path) -> tuple[Decision, ...]:
    return tuple(replace(each, file="") for each in read_decisions(folder))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(said=st.tuples(WORDS, WORDS, WORDS), kind=st.sampled_from(TYPES))
def test_whatever_people_write_is_read_back(
    said: tuple[str, str, str], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("w")
    decision, signal, owner = said
    made = replace(MADE, decision=decision, signal=signal, owner=owner, type=kind)
    file = write_decision(folder, made)
    assert kept(folder) == (made,)
    assert file.parent == folder / "decisions"
    assert file.name.isascii()


def test_a_decision_is_never_overwritten(tmp_path: Path) -> None:
    file = write_decision(tmp_path, MADE)
    assert file.name == "2026-02-10-shorter-form.toml"
    before = file.read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        write_decision(tmp_path, replace(MADE, signal="other"))
    assert file.read_bytes() == before
    assert [each.name for each in (tmp_path / "decisions").iterdir()] == [file.name]


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    results: list[str] = []
    start = threading.Barrier(8)

    def write(at: int) -> None:
        start.wait()
        try:
            write_decision(tmp_path, replace(MADE, signal=f"seen by {at}"))
            results.append(f"seen by {at}")
        except UsageError:
            results.append("")

    threads = [threading.Thread(target=write, args=(at,)) for at in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.signal for each in read_decisions(tmp_path)] == [one for one in results if one]
    assert len([one for one in results if one]) == 1


def test_a_crash_while_writing_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(WorkspaceError, match="No space left"):
        write_decision(tmp_path, MADE)
    assert list((tmp_path / "decisions").iterdir()) == []


def test_wrong_decisions_are_not_written(tmp_path: Path) -> None:
    wrong = {"kpi": "order", "expect": "+5", "due": MADE.date, "look": date(2026, 1, 1), "signal": "half \ud800"}
    for key, value in wrong.items():
        with pytest.raises(KpiError):
            write_decision(tmp_path, replace(MADE, **{key: value}))  # type: ignore[arg-type]
    assert read_decisions(tmp_path) == ()


def test_decisions_are_read_oldest_first(tmp_path: Path) -> None:
    for day, words in ((20, "b"), (3, "z"), (20, "a")):
        write_decision(tmp_path, replace(MADE, date=date(2026, 2, day), decision=words))
    assert [each.decision for each in read_decisions(tmp_path)] == ["z", "a", "b"]


GOOD = """date = 2026-02-10
decision = "Shorter form"
type = "experience"
signal = "people leave"
owner = "growth"
kpi = "orders"
expect = "+5 %"
due = 2026-06-30
look = 2026-04-15
"""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('type = "experience"', 'type = "experiance"', r"line 3: .*type must be one of .*Did you mean experience"),
        ('kpi = "orders"', 'kpi = "order"', r"line 6: .*Did you mean orders"),
        ('expect = "+5 %"', 'expect = "+5 points"', r"line 7: .*told in %"),
        ("due = 2026-06-30", "due = 2026-02-10", r"line 8: .*not after the decision"),
        ("look = 2026-04-15", "look = 2026-02-09", r"line 9: .*before the decision"),
        ('owner = "growth"\n', "", r"needs the key owner"),
        ('owner = "growth"', "owner = 3", r"line 5: .*owner must be text"),
        ('owner = "growth"', 'owner = "growth"\nscore = 3', r"line 6: .*score is unknown"),
        ("date = 2026-02-10", "date = soon", r"line 1, column 8"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, old: str, new: str, why: str) -> None:
    folder = tmp_path / "decisions"
    folder.mkdir()
    (folder / "2026-02-10-x.toml").write_text(GOOD, "utf-8")
    assert kept(tmp_path) == (MADE,)
    (folder / "2026-02-10-x.toml").write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(WorkspaceError, match=why):
        read_decisions(tmp_path)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("a" * 90, "a" * 40),
        ("Über 10 % mehr?", "uber-10-mehr"),
        ("…", "decision"),
        ("\x00", "decision"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_is_harmless(words: str, name: str) -> None:
    assert slug(words) == name
