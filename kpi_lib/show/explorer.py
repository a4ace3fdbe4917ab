"""What all explorers share: controls whose answer follows them, worked out beside the kernel; the newest choice wins.

A change waits for a short rest, then is asked in a thread of its own. A later change gives up what still runs: it ends at
the next place where it tells how far it has come, and whatever it would have answered is never shown. Without an event
loop (a script, a test) nothing else waits for the kernel, and a change is answered at once.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import BoundedSemaphore, Event, RLock, Thread
from typing import Any, Generic, TypeVar

import ipywidgets

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import KpiError
from kpi_lib.core.progress import GivenUp, listening
from kpi_lib.show.controls import folded, row
from kpi_lib.show.markup import tag
from kpi_lib.show.panel import panel, refusal

WAIT = 0.05  # seconds of rest before a change is asked
SLOW = 0.3  # seconds after which it is said that something is computed
TICK = 0.5  # seconds between two words on how far it is
AT_ONCE = 2  # the newest, and one before that cannot be ended yet
SAME = "The same in one line:"
STOPPED = "Stopped. What is shown belongs to the choices before; the next change is computed again."
BUSY = '<span style="font-size:13px">{}</span>'
_NUMBERS = count(1)
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Run:
    """One attempt to answer the choices: whether it is wanted, whether it is over, and how far it has come."""

    given_up: Event = field(default_factory=Event)
    over: Event = field(default_factory=Event)
    begun: float = field(default_factory=time.monotonic)
    steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    thread: Thread | None = None

    def hear(self, what: str, done: int, total: int) -> None:
        """Note how far the work is, and end it where nobody wants it any more."""
        if self.given_up.is_set():
            raise GivenUp
        if total > 1:
            self.steps[what] = (done, total)

    def words(self) -> str:
        """How far it is.

        >>> run = _Run(steps={"KPI": (2, 5)})
        >>> run.words().partition(" s")[0].startswith("Computing: KPI 2 of 5")
        True
        """
        far = [f"{what} {done} of {total}" for what, (done, total) in list(self.steps.items())]
        return f"Computing: {', '.join([*far, f'{time.monotonic() - self.begun:.0f} s'])}"


class Explorer(ABC, Generic[Answer]):
    """Controls, the answer to the choices on them, and the line of code that gives the same answer.

    An explorer says which controls it has, what its twin takes (`arguments`), what the twin answers (`ask`) and how that
    is written (`code_of`); the rest is here. `controls` are by name.
    """

    def __init__(
        self, controls: Mapping[str, Any], rows: Sequence[Sequence[str]], *, rarer: Sequence[str] = ()
    ) -> None:
        """Lay the named controls out in rows, the rarer ones folded away, and answer the first choices."""
        self.controls = dict(controls)
        self._name = f"x{next(_NUMBERS)}"
        self._result: Answer | None = None
        self._error = ""
        self._lock, self._room = RLock(), BoundedSemaphore(AT_ONCE)
        self._run, self._settling = _Run(), False
        self._shown, self._state = ipywidgets.HTML(), ipywidgets.HTML()
        self._stop = ipywidgets.Button(description="Stop", layout=ipywidgets.Layout(width="auto"))
        self._stop.on_click(lambda _: self.stop())
        self._busy = ipywidgets.HBox([self._stop, self._state], layout=ipywidgets.Layout(display="none"))
        for control in self.controls.values():
            control.observe(self._changed, names="value")
        parts = [row(self.controls[name] for name in names) for names in rows]
        more = [folded("More rules", row(self.controls[name] for name in rarer))] if rarer else []
        self.box = ipywidgets.VBox([*parts, *more, self._busy, self._shown])
        self.refresh()

    @property
    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them."""

    @abstractmethod
    def ask(self, **arguments: Any) -> Answer:  # noqa: ANN401 - the twin's own
        """What the twin answers."""

    @abstractmethod
    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line of code that gives the same answer."""

    def lines(self, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - the twin's own
        """The lines under an answer, by their label."""
        return {SAME: self.code_of(**arguments)}

    def settle(self) -> None:
        """Set controls that depend on others, before the choices are read."""

    @property
    def code(self) -> str:
        """The line of code that reproduces what the controls say."""
        return self.code_of(**self.arguments)

    @property
    def result(self) -> Answer | None:
        """The answer to the choices; None where they are impossible. Waits for what is being computed."""
        self.wait()
        return self._result

    @property
    def error(self) -> str:
        """Why there is no answer; empty where there is one."""
        self.wait()
        return self._error

    @property
    def busy(self) -> bool:
        """Whether an answer is being computed."""
        return self._run.thread is not None and not self._run.over.is_set()

    def wait(self) -> None:
        """Wait until the newest choices are answered."""
        while self.busy:
            self._run.over.wait(TICK)

    def stop(self) -> None:
        """Give up what is being computed; what was shown before stays."""
        with self._lock:
            was_busy = self.busy
            self._give_up()
            if was_busy:
                self._tell(STOPPED, stop=False)

    def refresh(self) -> None:
        """Answer the choices as they are now; whatever was being computed for earlier ones is given up."""
        self._settling = True  # what one control sets in another is no further choice
        self.settle()
        self._settling = False
        try:
            arguments = self.arguments
        except KpiError as error:
            run = self._begin()
            self._show(run, None, str(error), refusal(str(error)))
            return
        run = self._begin()
        if not _looped():
            self._answer(run, arguments)
            return
        work = partial(copy_context().run, self._later, run, arguments)
        run.thread = Thread(target=work, name=f"explorer {self._name}", daemon=True)
        run.thread.start()

    def _begin(self) -> _Run:
        with self._lock:
            self._give_up()
            self._run = _Run()
            return self._run

    def _give_up(self) -> None:
        self._run.given_up.set()
        self._run.over.set()

    def _later(self, run: _Run, arguments: dict[str, Any]) -> None:
        """Answer after a rest, unless a newer choice has come."""
        if run.given_up.wait(WAIT):
            return
        Thread(target=self._watch, args=(run,), daemon=True).start()
        with self._room:
            if not run.given_up.is_set():
                self._answer(run, arguments)

    def _answer(self, run: _Run, arguments: dict[str, Any]) -> None:
        """Ask and show; what goes wrong is said in words, and what nobody wants any more is not shown."""
        try:
            with listening(run.hear):
                result = self.ask(**arguments)
                drawn = panel(result, self.lines(**arguments), name=self._name)
            self._show(run, result, "", drawn)
        except GivenUp:
            return
        except KpiError as error:
            self._show(run, None, str(error), refusal(str(error)))
        except Exception as fault:
            words = f"This could not be worked out, by a fault of the workbench: {type(fault).__name__}: {fault}"
            self._show(run, None, words, refusal(words))

    def _show(self, run: _Run, result: Answer | None, error: str, drawn: str) -> None:
        with self._lock:
            if run.given_up.is_set():
                return
            self._result, self._error = result, error
            self._shown.value = drawn
            self._busy.layout.display = "none"
            self._shown.layout.border_left = None
            run.over.set()

    def _watch(self, run: _Run) -> None:
        """Say how far long work is."""
        pause = SLOW
        while not run.over.wait(pause):
            with self._lock:
                if not run.over.is_set():
                    self._tell(run.words(), stop=True)
            pause = TICK

    def _tell(self, words: str, *, stop: bool) -> None:
        self._state.value = BUSY.format(tag("span", words, role="status").text)
        self._stop.layout.display = None if stop else "none"
        self._busy.layout.display = None
        self._shown.layout.border_left = "3px solid #b9c0c7"  # what stands there is the answer to earlier choices

    def _changed(self, _: Mapping[str, Any]) -> None:
        if not self._settling:
            self.refresh()

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - the notebook's calling convention
        """Show the controls in a notebook."""
        return self.box._repr_mimebundle_(**options)


def _looped() -> bool:
    """Whether an event loop runs here, as in a notebook's kernel."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Cuts:
    """The data as one change after another asks for them: the last cuts are kept, with what figures share of them."""

    KEPT = 3  # everybody, one segment, and that cut by a column

    def __init__(self, data: Dataset) -> None:
        """Begin with all the data."""
        self._kept: dict[tuple[str | None, str], Dataset] = {(None, ""): data}

    def __call__(self, by: str | None, only: str = "") -> Dataset:
        """The data in one segment (column=value; empty: all), cut by a column."""
        if (found := self._kept.pop((by, only), None)) is None:
            seen = self(None, only) if by else self(None).only(only)
            found = seen.with_by((by,)) if by else seen
        self._kept[by, only] = found
        while len(self._kept) > self.KEPT:
            self._kept.pop(next(key for key in self._kept if key != (None, "")))
        return found


def written(name: str, /, *given: str, **rules: object) -> str:
    """A call as people write it.

    >>> written("kpi.paths", "data", from_event="view", top=5)
    "kpi.paths(data, from_event='view', top=5)"
    """
    return f"{name}({', '.join([*given, *(f'{rule}={value!r}' for rule, value in rules.items())])})"


def seen(by: str | Sequence[str] | None) -> str:
    """The data as they are written where segments may be in force.

    >>> seen("plan"), seen(None)
    ("data.with_by(('plan',))", 'data')
    """
    columns = (by,) if isinstance(by, str) else tuple(by or ())
    return f"data.with_by({columns!r})" if columns else "data"
