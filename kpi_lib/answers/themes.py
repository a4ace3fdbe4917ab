"""What the unhappy write about: words and short phrases of low answers, held against what the other answers say."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

import polars as pl

from kpi_lib.answers.review import SCALES, last_answers
from kpi_lib.core.compare import holm, wilson_interval
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid

LONGEST = 3  # words of a phrase
FEWEST = 3  # answers of a theme; what two people say is no theme
MOST = 12  # themes of a kind
_QUOTES = "\"'‘“”„«»[]{}<>*#/\\`"  # noqa: RUF001 - the quotation marks of several languages
_PAUSE = re.compile(r"[.!?;:,()\n…]+|\s[–—-]\s")
_TURNS = "can't cannot don't never no not too without won't"
_FILLS = (
    "a about all also am an and any are as at be because been but by can could did do does for from get got had has have he her "
    "his how i if im in is it it's its i'm just me more most much my of often on or our out really she should so some still "
    "such than that the their them then there these they this those to up us very was we were what when where which who why will "
    "with would you your"
)
_TURNING = frozenset(_TURNS.split())  # may begin a phrase, and change what it says
_FILLING = frozenset(_FILLS.split())  # English words that carry no theme by themselves; inside a phrase they stay
_SCHEMA = {
    "kind": pl.String, "theme": pl.String, "people": pl.Int64, "n": pl.Int64, "share": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "other_people": pl.Int64, "other_n": pl.Int64, "more": pl.Float64, "more_low": pl.Float64,
    "more_high": pl.Float64, "p": pl.Float64, "clear": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Themes:
    """What low answers have in common; free text, so never for outsiders.

    `table`, one row per theme, the most named first: kind (nps or csat), theme, people (low answers that say it) of n (low answers
    with words), share with its 95 % interval (low, high), the same of the others (other_people of other_n), and how much
    more often the low ones say it (more, more_low, more_high, p after Holm, clear). `silent` holds the low answers without words by kind.
    """

    table: pl.DataFrame
    silent: dict[str, int]
    origin: Origin = field(default=Origin(), repr=False, compare=False)


def themes(data: Dataset, grid: Grid) -> Themes:
    """The words and phrases that at least three low answers of the last period share: reasons to look into.

    NPS from 0 to 6 and CSAT of 1 or 2, the last answer of each person. A phrase of up to three words takes the place of its
    words where the same answers hold them. Languages that write without spaces give whole clauses. A theme says what people write
    about, not that it made them unhappy; `clear` themes are written by the unhappy more often than by others.
    """
    last = grid.only(len(grid) - 1)
    frames, silent = [], {}
    for kind in SCALES:
        said = last_answers(data, last, kind).with_columns(pl.col("answer").cast(pl.String).str.strip_chars())
        spoke = pl.col("answer").fill_null("") != ""
        low, others = (said.filter(spoke, side)["answer"].to_list() for side in (pl.col("low"), ~pl.col("low")))
        silent[kind] = said.filter(~spoke, "low").height
        frames.append(_of_kind(kind, low, others))
    return Themes(pl.concat(frames), silent, origin_of(data, "surveys"))


def _of_kind(kind: str, low: Sequence[str], others: Sequence[str]) -> pl.DataFrame:
    """The themes of the low answers to one kind of question."""
    said = shared_phrases(low)
    elsewhere = Counter(phrase for text in others for phrase in phrases(text) if phrase in said)
    pairs = [((elsewhere[phrase], len(others)), (len(where), len(low))) for phrase, where in said.items()]
    rows = []
    for (phrase, where), (gap, p) in zip(said.items(), holm(pairs), strict=True):
        ends = wilson_interval(len(where), len(low))
        more = (gap.value, gap.low, gap.high, p, gap.clear and gap.value > 0) if gap else (None,) * 5
        of = (len(where), len(low), len(where) / len(low), *ends, elsewhere[phrase], len(others))
        rows.append((kind, " ".join(phrase), *of, *more))
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return found.sort("people", "clear", "theme", descending=[True, True, False], nulls_last=True).head(MOST)


def phrases(text: str) -> set[tuple[str, ...]]:
    """The words of a text and what stands in a row of up to three, without those that begin or end in filling words.

    >>> sorted(" ".join(each) for each in phrases("Hard to learn, and SLOW!"))
    ['hard', 'hard to learn', 'learn', 'slow']
    """
    found = set()
    for clause in _PAUSE.split(normalize("NFC", text.casefold()).replace("’", "'")):
        bare = (word.strip(_QUOTES) for word in clause.split())
        words = tuple(word for word in bare if any(map(str.isalnum, word)))
        for size in range(1, LONGEST + 1):
            rows = (words[at : at + size] for at in range(len(words) - size + 1))
            found |= {row for row in rows if row[0] not in _FILLING and row[-1] not in _FILLING | _TURNING}
    return found


def shared_phrases(texts: Iterable[str]) -> dict[tuple[str, ...], frozenset[int]]:
    """Phrases that several texts hold, each with the numbers of those texts; none that a longer one says as often.

    >>> {" ".join(phrase): sorted(where) for phrase, where in shared_phrases(["too slow", "slow app"] * 2 + ["slow app!"]).items()}
    {'slow': [0, 1, 2, 3, 4], 'slow app': [1, 3, 4]}
    """
    where: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for at, text in enumerate(texts):
        for phrase in phrases(text):
            where[phrase].add(at)
    kept = {phrase: frozenset(found) for phrase, found in sorted(where.items()) if len(found) >= FEWEST}
    inside = {
        (part, found)
        for phrase, found in kept.items()
        for size in range(1, len(phrase))
        for part in (phrase[at : at + size] for at in range(len(phrase) - size + 1))
    }
    return {phrase: found for phrase, found in kept.items() if (phrase, found) not in inside}
