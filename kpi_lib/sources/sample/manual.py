"""The texts of the demo company: its kpi.toml, with the reasons beside the choices, and its README."""

from collections.abc import Mapping

from kpi_lib.sources.sample.money import ADDON
from kpi_lib.sources.sample.story import UNTIL, ZONE, Story
from kpi_lib.sources.sample.usage import ACTIVATE, BUY, FEATURES, SIGNUP, TRY

MANIFEST = """\
# {name}: an invented subscription product. SYNTHETIC: drawn by `kpi sample`, nobody did or paid any of this.
# README.md tells what the tables hold, truths.toml what was planted in them. This file holds choices only.

[workspace]
name = "{name} (synthetic)"
timezone = "{zone}"    # a zone with summer time: two days a year have 23 or 25 hours
currency = "EUR"              # customers in the United States pay in dollars; the table rates converts
week_start = "monday"
observed_until = {until}   # the first day that is not in the data

{tables}
[product]
profile = "freemium"
stage = "growth"
goals = ["engagement", "revenue"]
north_star = "wau"

[settings]
active_events = ["*"]         # whatever people do counts as being there
activation_event = "{activate}"
activation_within = "7d"
login_events = ["log_in"]
goal_event = "{buy}"
session_gap = "30m"
gross_margin = 0.78           # invented, like everything here
roi_products = ["{addon}"]   # the add-on, and what is paid for it
roi_costs = ["insights licences"]

[features]                    # feature = the events that show its use
{features}

[freshness]
warn_after = "2d"
error_after = "7d"

[funnels.onboarding]          # from signing up to paying; trials last 14 days
steps = ["{signup}", "{activate}", "{start}", "{buy}"]
within = "30d"

[funnels.activation]
steps = ["{signup}", "{activate}"]
within = "7d"

[[targets]]
kpi = "wau"
value = {wau}
type = "number"
due = 2026-12-31
owner = "product"

[[targets]]
kpi = "retention_day_7"
value = 0.30
type = "percent"
due = 2026-12-31
owner = "product"

[reports.weekly]
notebook = "weekly-review"
every = "week"

[reports.monthly]
notebook = "monthly-review"
every = "month"
params = {{ grain = "month" }}   # few subscribe in one week
"""
NAME = "Tideboard"
NOTES = {
    "events": "timezone-aware times; platform and version are segments",
    "users": "country, platform and onboarding are segments",
    "subscriptions": "trials are rows of their own; a change of terms ends one row and begins the next",
    "transactions": "two currencies, see rates",
    "surveys": "wave names the NPS wave",
}

README = """\
# {name}: a demo company

**Synthetic.** A random generator (`kpi sample`, seed {seed}) drew all of this. No such product, people or payments exist; nothing
found here says anything about a real company.

{name} is a planning tool that people try for free and pay for by month or year, alone (`pro`) or as a team (`team`). {users:,}
people sign up on the web or in the Android app from {first} to {last}, in six countries and two currencies. Paid channels
are ads, social and partner. Days are calendar days of {zone}.

Because the data are made, the truth is known. `truths.toml` lists what was planted, with the exact parameters and where it shows:
whoever analyses these data can see whether they find it. Look there only afterwards, if you want to practise.

```sh
kpi check                     # finds the day without events and the rows exported twice
kpi list --available
kpi compute dau wau --every month --from {quarter} --to {until}
kpi funnel onboarding
kpi report --all
```

| table | rows |
|---|---|
{rows}

The same seed gives the same files, byte for byte, with the same versions of NumPy and Polars. Each table has its own stream of
chance. `kpi sample` takes `--users`, `--days` and `--seed`; the truths keep their place in the span.
"""


def manifest(story: Story, paths: Mapping[str, str]) -> str:
    """The kpi.toml with all tables mapped."""
    lines = []
    for table, path in paths.items():
        note = f"   # {NOTES[table]}" if table in NOTES else ""
        lines.append(f'[tables.{table}]{note}\npath = "{path}"\n')
    features = "\n".join(f"{name} = {list(events)}".replace("'", '"') for name, events in FEATURES.items())
    return MANIFEST.format(
        name=NAME, zone=ZONE, until=UNTIL, tables="\n".join(lines), features=features, wau=max(10, story.users // 10),
        addon=ADDON, signup=SIGNUP, activate=ACTIVATE, start=TRY, buy=BUY,
    )  # fmt: skip


def readme(story: Story, rows: Mapping[str, int]) -> str:
    """The README: that it is synthetic, what it tells, and how large it is."""
    listed = "\n".join(f"| `{table}` | {count:,} |" for table, count in rows.items())
    quarter = max(story.calendar_day(0), story.months[max(0, len(story.months) - 3)])
    return README.format(
        name=NAME, seed=story.seed, users=story.users, first=story.calendar_day(0), last=story.calendar_day(story.days - 1), zone=ZONE,
        until=UNTIL, quarter=quarter, rows=listed,
    )  # fmt: skip
