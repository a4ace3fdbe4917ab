"""How far long work has come: told to whoever listens, who may end it by raising `GivenUp`."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Part = TypeVar("Part")
Listener = Callable[[str, int, int], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


class GivenUp(BaseException):
    """Nobody wants the answer any more; no error, so that nothing on the way takes it for one."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear what is done, how much of it and of how much, as long as the context lasts."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def counted(parts: Iterable[Part], what: str, total: int) -> Iterator[Part]:
    """Each of the parts, telling after each how many are done; of a single part nothing is told.

    >>> heard = []
    >>> with listening(lambda *told: heard.append(told)):
    ...     list(counted("ab", "letter", 2)), heard
    (['a', 'b'], [('letter', 0, 2), ('letter', 1, 2), ('letter', 2, 2)])
    """
    for done, part in enumerate(parts):
        told(what, done, total)
        yield part
    told(what, total, total)


def told(what: str = "", done: int = 0, total: int = 0) -> None:
    """Tell the listener, if there is one; without words it is only a place where work may be ended."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(what, done, total)
