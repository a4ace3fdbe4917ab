"""Bad input as people meet it: refused, set aside or told, each with table, line, column, value and the mend."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Said

Kpi = Callable[..., Said]
USERS = "user_id,signup_ts\nann,2026-01-02\nbob,2026-01-03\n"
SPENT = "date,channel,amount,impressions,clicks\n2026-01-05,ads,100,50,9\n"


def workspace(folder: Path, **tables: str) -> Path:
    """Tables as CSV files, and the kpi.toml that maps them."""
    toml = '[workspace]\ncurrency = "EUR"\nobserved_until = 2026-03-01\n'
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
        toml += f'[tables.{name}]\npath = "{name}.csv"\ntimezone = "UTC"\n'
    (folder / "kpi.toml").write_text(toml, "utf-8")
    return folder


def answers(*scores: str) -> str:
    return "user_id,time,kind,score\n" + "".join(f"u{i},2026-01-05,nps,{score}\n" for i, score in enumerate(scores))


def paid(*rows: str) -> str:
    return "subscription_id,user_id,start,end,mrr,plan\n" + "".join(f"{row}\n" for row in rows)


# what is wrong: the table, its text, then line, column and value of the finding and a word of its mend
SET_ASIDE = {
    "a score above ten": ("surveys", answers("9", "11"), 3, "score", "11", "scale"),
    "a score below zero": ("surveys", answers("9", "-1"), 3, "score", "-1", "scale"),
    "half a score": ("surveys", answers("9", "7.5"), 3, "score", "7.5", "scale"),
    "a negative sale": (
        "transactions", "user_id,time,amount,kind\nann,2026-01-05,10,sale\nann,2026-01-06,-3,sale\n", 3, "amount", "-3", "refund",
    ),
    "a negative amount of no kind": (
        "transactions", "user_id,time,amount\nann,2026-01-05,10\nann,2026-01-06,-3\n", 3, "amount", "-3", "refund",
    ),
    "an end before the start": (
        "subscriptions", paid("s1,ann,2026-01-05,,9,pro", "s2,bob,2026-01-05,2026-01-04,9,pro"), 3, "end", "2026-01-04", "times",
    ),
    "terms that overlap": (
        "subscriptions", paid("s1,ann,2026-01-05,2026-02-05,9,pro", "s1,ann,2026-02-01,,9,pro"), 3, "start",
        "2026-02-01 00:00:00 UTC", "end",
    ),
    "a negative price": ("subscriptions", paid("s1,ann,2026-01-05,,9,pro", "s2,bob,2026-01-05,,-9,pro"), 3, "mrr", "-9", "correct"),
    "more clicks than were shown": ("marketing_spend", SPENT + "2026-01-06,ads,10,50,51\n", 3, "clicks", "51", "two figures"),
    "solved before it was asked": (
        "tickets", "ticket_id,opened,resolved\na,2026-01-05,2026-01-06\nb,2026-01-05,2026-01-04\n", 3, "resolved", "2026-01-04", "times",
    ),
    "deployed before it was committed": (
        "releases", "release_id,time,committed\na,2026-01-05,2026-01-04\nb,2026-01-05,2026-01-06\n", 3, "committed", "2026-01-06", "times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SET_ASIDE)
def test_a_row_that_cannot_be_is_set_aside_and_told(case: str, tmp_path: Path, kpi: Kpi) -> None:
    table, text, line, column, value, mend = SET_ASIDE[case]
    place = workspace(tmp_path, **{table: text})
    said = kpi("check", "--workspace", place, "--json")
    (found,) = [each for each in said.json["findings"] if each["severity"] == "error"]
    assert (found["table"], found["line"], found["column"], found["value"]) == (table, line, column, value)
    assert mend in found["mend"]
    assert said.status == 1
    counts = said.json["tables"][table]
    assert (counts["read"], counts["kept"], counts["quarantined"]) == (2, 1, 1)
    assert f",{line},{column}," in (place / ".kpi" / "quarantine" / f"{table}.csv").read_text("utf-8")
    told = " ".join(kpi("check", "--workspace", place).out.split())  # long lines are folded
    assert all(part in told for part in (f"line {line}", f"column {column}", f"value {value}", found["mend"]))


def warnings(said: Said, table: str) -> list[dict[str, Any]]:
    return [each for each in said.json["findings"] if each["table"] == table and each["severity"] == "warning"]


def test_a_wave_without_a_zero_was_perhaps_asked_on_one_to_ten(tmp_path: Path, kpi: Kpi) -> None:
    said = kpi("check", "--workspace", workspace(tmp_path, surveys=answers(*["1", "9", "10"] * 40)), "--json")
    (found,) = warnings(said, "surveys")
    assert said.status == 0
    assert (found["column"], found["value"], found["rows"]) == ("score", "2026-01", 120)
    assert "on 1 to 10" in found["message"]
    fine = kpi("check", "--workspace", workspace(tmp_path, surveys=answers(*["0", "9", "10"] * 40)), "--json")
    assert warnings(fine, "surveys") == []


def test_two_subscriptions_to_one_plan_at_a_time_are_told(tmp_path: Path, kpi: Kpi) -> None:
    rows = (
        "s1,ann,2026-01-05,,9,pro",
        "s2,ann,2026-01-20,,9,pro",
        "s3,ann,2026-01-20,,4,extra",
        "s4,bob,2026-01-20,,9,pro",
    )
    said = kpi("check", "--workspace", workspace(tmp_path, subscriptions=paid(*rows)), "--json")
    (found,) = warnings(said, "subscriptions")
    assert (found["line"], found["column"], found["rows"]) == (3, "start", 1)
    assert "end the earlier one" in found["mend"]
    both = kpi("compute", "mrr", "--period", "2026-01", "--workspace", tmp_path, "--json").json["rows"]
    assert [row["value"] for row in both] == [31.0]


def test_who_comes_back_at_once_is_told(tmp_path: Path, kpi: Kpi) -> None:
    """A second between two months, at the edge of the period: a churn that is none."""
    rows = ("s1,ann,2026-01-05,2026-01-31T23:59:59Z,9,pro", "s2,ann,2026-02-01T00:00:00Z,,9,pro")
    place = workspace(tmp_path, subscriptions=paid(*rows))
    (found,) = warnings(kpi("check", "--workspace", place, "--json"), "subscriptions")
    assert (found["column"], found["rows"]) == ("end", 1)
    assert "write the instant at which the next one begins" in found["mend"]
    ask = ("--period", "2026-01", "--workspace", place, "--json")
    assert [row["value"] for row in kpi("compute", "mrr", *ask).json["rows"]] == [0.0]
    mended = ("s1,ann,2026-01-05,2026-02-01T00:00:00Z,9,pro", rows[1])
    workspace(tmp_path, subscriptions=paid(*mended))
    assert warnings(kpi("check", "--workspace", place, "--json"), "subscriptions") == []
    assert [row["value"] for row in kpi("compute", "mrr", *ask).json["rows"]] == [9.0]


def test_a_trial_counts_before_it_is_known_whether_it_pays(tmp_path: Path, kpi: Kpi) -> None:
    """Its row may say when it is to be paid for; without those rows only trials that did pay would be left."""
    head = "subscription_id,user_id,start,trial_start,mrr\n"
    rows = "s1,ann,2026-01-20,2026-01-05,9\ns2,bob,2026-03-10,2026-01-06,9\ns3,cid,2026-03-10,2026-03-05,9\n"
    place = workspace(tmp_path, subscriptions=head + rows)
    counts = kpi("check", "--workspace", place, "--json").json["tables"]["subscriptions"]
    assert (counts["kept"], counts["quarantined"]) == (2, 1)  # what had not begun by the end of the data is refused
    ask = ("--period", "2026-01", "--workspace", place, "--json")
    rows = kpi("compute", "trial_signups", "trial_to_paid_rate", "mrr", *ask).json["rows"]
    assert [(row["value"], row["n"]) for row in rows] == [(2, 2), (0.5, 2), (9.0, 1)]


def test_a_subscription_without_a_price_is_told_before_anybody_asks_for_it(tmp_path: Path, kpi: Kpi) -> None:
    place = workspace(tmp_path, subscriptions=paid("s1,ann,2026-01-05,,9,pro", "s2,bob,2026-01-05,,,pro"))
    said = kpi("check", "--workspace", place, "--json")
    (found,) = [each for each in said.json["findings"] if each["severity"] == "error"]
    assert (said.status, found["table"], found["column"]) == (1, "subscriptions", "mrr")
    assert ("'s2': no price" in found["message"], "a free plan has mrr 0" in found["mend"]) == (True, True)
    assert kpi("compute", "mrr", "--workspace", place).status == 2


def test_a_misspelt_setting_is_no_default(tmp_path: Path, kpi: Kpi) -> None:
    """With `repeat_windw` the figure would be that of the default, and nobody would know."""
    place = workspace(tmp_path, users=USERS)
    toml = place / "kpi.toml"
    toml.write_text(toml.read_text("utf-8") + '[settings]\nrepeat_windw = "ever"\n', "utf-8")
    said = kpi("check", "--workspace", place)
    assert (said.status, said.out) == (2, "")
    line = len(toml.read_text("utf-8").splitlines())
    assert f"line {line}: [settings] repeat_windw is unknown" in said.err
    assert "Did you mean repeat_window?" in said.err


def test_currencies_do_not_mix_without_rates(tmp_path: Path, kpi: Kpi) -> None:
    mixed = "user_id,time,amount,currency\nann,2026-01-05,10,EUR\nann,2026-01-06,9,USD\n"
    said = kpi("compute", "total_revenue", "--workspace", workspace(tmp_path, transactions=mixed))
    assert (said.status, said.out) == (2, "")
    assert all(part in said.err for part in ("transactions.csv", "line 3", "USD (1 rows)", "Map a table rates"))
    assert "Traceback" not in said.err


def test_a_share_of_the_market_above_all_of_it_is_refused(tmp_path: Path, kpi: Kpi) -> None:
    sold = "user_id,time,amount\nann,2026-01-05,1500\n"
    market = "period,competitor,metric,value\n2026-01,(market),revenue,1000\n"
    place = workspace(tmp_path, transactions=sold, market=market)
    said = kpi("compute", "market_share", "--period", "2026-01", "--workspace", place)
    assert (said.status, said.out) == (2, "")
    assert all(
        part in said.err for part in ("table market", "period 2026-01", "value 1,000", "1,500.00", "whole market")
    )
    workspace(tmp_path, transactions=sold, market=market.replace("1000", "6000"))
    rows = kpi("compute", "market_share", "--period", "2026-01", "--workspace", place, "--json").json["rows"]
    assert [row["value"] for row in rows] == [0.25]


def test_a_sign_up_rate_cannot_pass_all_visitors(tmp_path: Path, kpi: Kpi) -> None:
    """Two sign-ups, one of them by somebody who never visited: one of one visitor, not two of one."""
    visits = "visitor_id,user_id,time\nv1,ann,2026-01-02\n"
    place = workspace(tmp_path, users=USERS, web_visits=visits)
    (row,) = kpi("compute", "visitor_to_signup_rate", "--period", "2026-01", "--workspace", place, "--json").json[
        "rows"
    ]
    assert (row["value"], row["n"]) == (1.0, 1)


def test_spend_without_a_customer_has_no_cost_of_winning_one(tmp_path: Path, kpi: Kpi) -> None:
    later = "user_id,time,amount\nbob,2025-12-05,10\nann,2026-02-05,10\n"
    place = workspace(tmp_path, marketing_spend=SPENT, transactions=later)
    (row,) = kpi("compute", "cac", "--period", "2026-01", "--workspace", place, "--json").json["rows"]
    assert (row["value"], row["n"], row["status"]) == (None, 0, "no_denominator")
    assert "—" in kpi("compute", "cac", "--period", "2026-01", "--workspace", place).out


def test_json_of_a_refusal_holds_nothing_on_standard_output(tmp_path: Path, kpi: Kpi) -> None:
    said = kpi("compute", "nps", "--workspace", workspace(tmp_path, surveys=answers("nine", "ten")), "--json")
    assert said.status == 2
    assert said.out == "" or json.loads(said.out)
    assert all(part in said.err for part in ("surveys.csv", "score", "nine"))
