"""Where the work over users is done: here and at once, or in parts that share no user, elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from kpi_lib.core.dataset import Dataset

Partial = TypeVar("Partial")


class Engine(Protocol):
    """Does one piece of work for each part of the users of a data set; the answers come back in the order of the parts."""

    def __call__(self, data: Dataset, work: Callable[[Dataset], Any], /) -> list[Any]:
        """What `work` makes of each part; it travels to where the part is, and its answers travel back."""


_ENGINE: ContextVar[Engine | None] = ContextVar("engine", default=None)


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Let an engine do the work over users."""
    token = _ENGINE.set(engine)
    try:
        yield
    finally:
        _ENGINE.reset(token)


def spread() -> bool:
    """Whether work over users is done in parts."""
    return _ENGINE.get() is not None


def over_users(data: Dataset, work: Callable[[Dataset], Partial]) -> list[Partial]:
    """What `work` makes of the data: of all users here, or of each part of them where an engine is in force.

    Answers must be such that those of parts which share no user add up to the answer for all.
    """
    engine = _ENGINE.get()
    return [work(data)] if engine is None else engine(data, work)
