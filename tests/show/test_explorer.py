"""What all explorers share: the newest choice wins, long work says how far it is, can be stopped and does not hold the kernel."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import kpi_lib as kpi
from kpi_lib.core.errors import UsageError
from kpi_lib.core.progress import counted
from kpi_lib.show.blocks import Say
from kpi_lib.show.controls import number
from kpi_lib.show.explorer import STOPPED, WAIT, Explorer
from tests.show.results import HOSTILE, log, shop, visits

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PATIENCE = 30.0  # seconds; more than any machine needs


class Squares(Explorer[kpi.Values]):
    """Asks for a number; how it is answered is up to a test."""

    def __init__(self, answer: Callable[[int], Any], size: int = 1) -> None:
        self.answer = answer
        self.asked: list[int] = []
        super().__init__({"size": number("Size", size, 0, 100)}, [["size"]])

    @property
    def arguments(self) -> dict[str, Any]:
        return {"size": self.controls["size"].value}

    def ask(self, **arguments: Any) -> Any:  # noqa: ANN401 - whatever a test answers
        self.asked.append(arguments["size"])
        return self.answer(arguments["size"])

    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        return f"square({arguments['size']})"

    @property
    def text(self) -> str:
        return str(self.box.children[-1].value)

    @property
    def state(self) -> str:
        return str(self.box.children[-2].children[1].value)

    @property
    def told_busy(self) -> bool:
        return self.box.children[-2].layout.display != "none"

    @property
    def can_stop(self) -> bool:
        return self.told_busy and self.box.children[-2].children[0].layout.display != "none"


@pytest.fixture(autouse=True)
def plain_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is a text shows as this text."""
    import kpi_lib.show.panel as panel

    faces = panel.faces
    monkeypatch.setattr(panel, "faces", lambda shown: (Say(shown),) if isinstance(shown, str) else faces(shown))


def square(size: int) -> str:
    return f"<{size * size}>"


async def until(so: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.01)):
        if so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_without_an_event_loop_a_change_is_answered_at_once() -> None:
    explorer = Squares(square)
    explorer.controls["size"].value = 3
    assert explorer.result == "<9>"
    assert "&lt;9&gt;" in explorer.text
    assert "square(3)" in explorer.text
    assert explorer.code == "square(3)"
    assert not explorer.told_busy


def test_quick_changes_are_computed_once() -> None:
    explorer = Squares(square)

    async def typing() -> None:
        for size in (2, 3, 4):
            explorer.controls["size"].value = size
        await asyncio.sleep(WAIT)
        await until(lambda: not explorer.busy)

    asyncio.run(typing())
    assert explorer.asked == [1, 4]
    assert explorer.result == "<16>"


def test_the_newest_choice_wins_over_one_that_still_runs() -> None:
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    def answer(size: int) -> str:
        if size == 2:
            entered.set()
            release.wait(PATIENCE)
            left.set()
        return square(size)

    explorer = Squares(answer)

    async def changing() -> None:
        explorer.controls["size"].value = 2
        await until(entered.is_set)
        explorer.controls["size"].value = 3  # asked although the one before cannot be ended
        await until(lambda: not explorer.busy)
        assert explorer.result == "<9>"
        release.set()
        await until(left.is_set)
        await asyncio.sleep(0.05)

    asyncio.run(changing())
    assert explorer.asked == [1, 2, 3]
    assert explorer.result == "<9>"
    assert "square(3)" in explorer.text


def test_what_nobody_wants_any_more_ends_where_it_next_tells_how_far_it_is() -> None:
    done: list[int] = []
    first = threading.Event()

    def answer(size: int) -> str:
        for part in counted(range(1000), "part", 1000):
            if size != 2:
                break
            done.append(part)
            first.wait(PATIENCE)
        return square(size)

    explorer = Squares(answer)

    async def changing() -> None:
        explorer.controls["size"].value = 2
        await until(lambda: bool(done))
        run = explorer._run
        explorer.controls["size"].value = 5
        first.set()
        await until(lambda: not explorer.busy and not run.thread.is_alive())

    asyncio.run(changing())
    assert done == [0]
    assert explorer.result == "<25>"


def test_long_work_tells_how_far_it_is_and_can_be_stopped() -> None:
    hold = threading.Event()

    def answer(size: int) -> str:
        for part in counted(range(4), "part", 4):
            if size == 2 and part == 2:
                hold.wait(PATIENCE)
        return square(size)

    explorer = Squares(answer)

    async def stopping() -> None:
        explorer.controls["size"].value = 2
        await until(lambda: explorer.told_busy)  # the loop goes on meanwhile: the kernel is not held
        assert "Computing: part 2 of 4, " in explorer.state
        assert explorer.can_stop
        explorer.box.children[-2].children[0].click()
        assert not explorer.busy
        hold.set()
        await asyncio.sleep(0.05)

    asyncio.run(stopping())
    assert STOPPED in explorer.state
    assert not explorer.can_stop
    assert explorer.result == "<1>"
    assert "square(1)" in explorer.text
    explorer.controls["size"].value = 3
    assert explorer.result == "<9>"
    assert not explorer.told_busy


def test_a_result_waits_for_what_is_being_computed() -> None:
    hold = threading.Event()

    def answer(size: int) -> str:
        hold.wait(PATIENCE)
        return square(size)

    async def asking() -> object:
        explorer = Squares(answer, size=6)
        assert explorer.busy
        threading.Timer(0.1, hold.set).start()
        return explorer.result

    assert asyncio.run(asking()) == "<36>"


@pytest.mark.parametrize("looped", [False, True])
def test_what_goes_wrong_is_said_in_words(looped: bool) -> None:
    def answer(size: int) -> str:
        if size == 2:
            raise UsageError("two is <too> many.")
        return square(1 // size)

    async def changing(size: int) -> None:
        explorer.controls["size"].value = size
        await until(lambda: not explorer.busy)

    explorer = Squares(answer)
    for size, words in ((2, "two is &lt;too&gt; many."), (0, "ZeroDivisionError"), (1, "square(1)")):
        if looped:
            asyncio.run(changing(size))
        else:
            explorer.controls["size"].value = size
        assert words in explorer.text
        assert (explorer.result is None) == bool(explorer.error) == ('role="alert"' in explorer.text) == (size != 1)


def explorers() -> dict[str, Explorer[Any]]:
    data = visits()
    grid = kpi.last_complete("week", data.observed_until, zone="UTC")
    targets = [{"kpi": "wau", "value": 30}]
    return {
        "funnel": kpi.FunnelExplorer(data, ("look", "buy"), within="24h", by="plan"),
        "cohorts": kpi.CohortExplorer(data),
        "paths": kpi.PathExplorer(data, from_event="look"),
        "segments": kpi.SegmentExplorer(data, "wau", every="week"),
        "scorecard": kpi.ScorecardExplorer(data, ["wau"], grid, targets=targets, history=4),
        "kpis": kpi.KpiChooser(data, stage="growth"),
    }


def test_every_explorer_has_labels_a_line_and_shows_in_a_notebook() -> None:
    for name, explorer in explorers().items():
        assert explorer.error == "", name
        labels = [control.description for control in explorer.controls.values()]
        assert all(labels), name
        assert len(labels) == len(set(labels)), name
        assert "application/vnd.jupyter.widget-view+json" in explorer._repr_mimebundle_()
        assert "The same in one line:" in explorer.box.children[-1].value, name


def test_every_explorer_says_in_words_what_is_impossible() -> None:
    made = explorers()
    for name, control, value, words in (
        ("funnel", "within", "soon", "is no duration"),
        ("cohorts", "periods", "many", "is no whole number"),
        ("cohorts", "gone_after", "0", "it must be 1 or more"),
        ("scorecard", "due", "soon", "is no day"),
        ("scorecard", "target_wau", "lots", "is no number"),
        ("kpis", "stage", "", "name a stage"),
    ):
        before = made[name].controls[control].value
        made[name].controls[control].value = value
        assert words in made[name].error, name
        assert made[name].result is None
        assert 'role="alert"' in made[name].box.children[-1].value
        made[name].controls[control].value = before
        assert made[name].error == "", name


def test_hostile_words_stay_words_in_every_explorer() -> None:
    rows = [(f"u{u}", u + at * 1.0, each, each) for u in range(3) for at, each in enumerate((*HOSTILE, "look", "buy"))]
    data = log(rows)
    made = [
        kpi.CohortExplorer(data, by="plan"),
        kpi.PathExplorer(data, from_event=HOSTILE[0]),
        kpi.SegmentExplorer(data, "wau", by="plan", every="week"),
    ]
    made[0].controls["return_event"].value = HOSTILE[0]
    made[2].controls["only"].value = f"plan={HOSTILE[0]}"
    for explorer in made:
        assert explorer.error == ""
        assert "<script>" not in explorer.box.children[-1].value


def test_orders_without_events_can_be_explored_as_well() -> None:
    data = shop()
    assert "events" not in data.tables
    for made in (kpi.CohortExplorer(data, grain="month"), kpi.PathExplorer(data), kpi.SegmentExplorer(data, "orders")):
        assert made.error == ""
        assert eval(made.code, {"kpi": kpi, "data": data}).to_dict() == made.result.to_dict()
