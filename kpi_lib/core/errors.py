"""What can go wrong, in the user's words.

    KpiError
    ├── UsageError       a request that cannot be met: an unknown name, a bad period, options that exclude each other
    ├── WorkspaceError   kpi.toml is missing, half-written or holds an unknown key
    ├── DataError        a file or table cannot be used at all
    └── ReportError      a report could not be rendered

Every message says what is wrong, where, what is there, and the mend. Rows that are bad one by one are no errors:
they go to quarantine and are counted.
"""

import difflib
from collections.abc import Iterable


class KpiError(Exception):
    """Anything the workbench refuses to do; the message is complete and meant for a person."""


class UsageError(KpiError):
    """The request cannot be met as it stands."""


class WorkspaceError(KpiError):
    """The workspace file cannot be read or holds something it must not."""


class DataError(KpiError):
    """A file or table cannot be used at all."""


class ReportError(KpiError):
    """A report could not be rendered."""


class KpiWarning(UserWarning):
    """Something that was done and that a person should know; the message is complete."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant, or list what is there.

    >>> nearest("purchse", ["purchase", "search"])
    'Did you mean purchase?'
    >>> nearest("zzz", ["a", "b"])
    'There are: a, b.'
    """
    names = sorted({str(each) for each in known})
    if not names:
        return "There are none."
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if not close:
        close = [each for each in names if each.casefold() == name.casefold()]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    shown = names[:12]
    more = f" … ({len(names)} in all)" if len(names) > len(shown) else ""
    return f"There are: {', '.join(shown)}{more}."


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UsageError:
    """Build the error for a name that is not there.

    >>> print(unknown("event", "buy", ["buys"]))
    unknown event 'buy'. Did you mean buys?
    """
    place = f" in {where}" if where else ""
    return UsageError(f"unknown {kind} {shown(name)}{place}. {nearest(name, known)}")


def shown(value: object, limit: int = 60) -> str:
    """Quote a value for a message: escaped and cut, so that no data can garble a terminal or a page.

    >>> shown("a\\nb")
    "'a\\\\nb'"
    """
    text = repr(value) if isinstance(value, str) else str(value)
    text = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\") if not text.isprintable() else text
    return text if len(text) <= limit else text[: limit - 1] + "…"
