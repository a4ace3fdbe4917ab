"""A review shown: what needs attention and what went well in neutral words, questions, the checklist, the unhappy."""

from kpi_lib.answers.review import Point, Review, Unhappy
from kpi_lib.answers.scorecard import Standing
from kpi_lib.show.blocks import Figure, Note, Phrase, Say, Strong, Table
from kpi_lib.show.changes import compared, compared_year
from kpi_lib.show.facts_answers import standings_facts
from kpi_lib.show.phrases import figure, plural
from kpi_lib.show.render import TARGETS

ARROWS = {"up": "▲ ", "down": "▼ ", "flat": "● ", "none": ""}
WORDS = {"worse": "worse than before", "worse_year": "worse than a year ago", "better": "better than before"}
WORDS |= {"better_year": "better than a year ago"}
QUIET = "within what chance gives, or nothing to compare with"
PRIVATE = (
    "Who they are and what they said stands in no report, only in a notebook of those who may write to them (.people)."
)


def sentence(result: Review) -> Say:
    """How much there is to talk about."""
    told = f"{plural(len(result.attention), 'figure')} to look at, {len(result.wins)} with good news, {len(result.quiet)} quiet"
    return Say(
        (
            Strong(told),
            f"; {sum(step.done for step in result.steps)} of {len(result.steps)} steps of the loop are done.",
        )
    )


def parts(result: Review) -> tuple[object, ...]:
    """The agenda, by status: attention, wins, the quiet ones, questions, and the checklist."""
    currency, every = result.card.currency, result.card.every
    shown: list[object] = [sentence(result)]
    for title, points, tone in (("Needs attention", result.attention, "warn"), ("Wins", result.wins, "plain")):
        lines = tuple(_line(each, currency, every) for each in points)
        behind = standings_facts([each.standing for each in points], currency) if points else ()
        told = lines or ("Nothing this time.",)
        shown.append(Note(title=title, phrases=told, tone=tone, folded=False, facts=behind))
    if result.quiet:
        quiet = tuple(_figure(each, currency) for each in result.quiet)
        shown.append(Note(title=f"Quiet: {QUIET}", phrases=quiet, facts=standings_facts(result.quiet, currency)))
    shown.append(
        Note(
            title="Questions for the meeting",
            phrases=result.questions or ("There is nothing to ask this time.",),
            folded=False,
        )
    )
    return (*shown, steps_table(result))


def _line(point: Point, currency: str, every: str) -> Phrase:
    standing = point.standing
    moved = [
        each for each in (compared(standing, every), compared_year(standing, every)) if each and each.points != "none"
    ]
    told = tuple(
        ("; " if at else ": ", ARROWS[each.points], each.phrase, " ", each.against) for at, each in enumerate(moved)
    )
    why = ", ".join(WORDS.get(reason) or f"target {TARGETS[reason][2:]}" for reason in point.reasons)
    return (Strong(_figure(standing, currency)), *told, f" – {why}")


def _figure(standing: Standing, currency: str) -> Phrase:
    return (f"{standing.title} ", figure(standing.row, currency=currency, by=tuple(standing.part)))


def review_table(result: Review) -> Table:
    """One row a KPI: on which side it stands, and why."""
    sides = [("attention", each.standing, each.reasons) for each in result.attention]
    sides += [("win", each.standing, each.reasons) for each in result.wins]
    rows = [(each.title, side, ", ".join(reasons)) for side, each, reasons in sides]
    rows += [(each.title, "quiet", "") for each in result.quiet]
    return Table(title="Agenda", columns=("KPI", "Side", "Why"), rows=tuple(rows), text_columns=3)


def steps_table(result: Review) -> Table:
    """The eight steps from goals to sharing, each with how it stands."""
    rows = tuple((f"{'✓' if each.done else '○'} {each.name}", each.told) for each in result.steps)
    note = "✓ done, ○ open: the loop that goes from goals over figures and decisions back to goals."
    return Table(
        title="The loop, step by step", columns=("Step", "How it stands"), rows=rows, text_columns=2, note=note
    )


def unhappy_sentence(result: Unhappy) -> Say:
    """How many gave a low answer; nobody by name."""
    counts = [row for row in result.counts.iter_rows(named=True) if row["n"]]
    if not counts:
        return Say("Nobody answered an NPS or CSAT survey in this period.")
    told: list[Phrase] = []
    for at, row in enumerate(counts):
        ends = [Figure(text=f"{row[name]:,}", kpi="unhappy", value=row[name], field=name, by=(("kind", row["kind"]),))
                for name in ("unhappy", "n")]  # fmt: skip
        kind = {"nps": "answered 0 to 6 (detractors)", "csat": "were not satisfied"}[row["kind"]]
        told += ["; " if at else "", Strong((ends[0], " of ", ends[1])), f" {kind}"]
    return Say((*told, ". ", PRIVATE))
