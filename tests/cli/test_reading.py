"""What a verb says about the rows it read: all of them accounted for, in few lines."""

from kpi_lib.cli.options import _read_lines


def counts(read: int, *, filtered: int = 0, quarantined: int = 0) -> dict[str, int]:
    kept = read - filtered - quarantined
    return {"read": read, "kept": kept, "filtered": filtered, "deduplicated": 0, "quarantined": quarantined}


def test_a_few_tables_are_told_one_by_one() -> None:
    assert _read_lines({"events": counts(1200, filtered=1)}) == [
        "events: 1,200 rows read = 1,199 kept + 1 filtered + 0 deduplicated + 0 quarantined"
    ]
    assert len(_read_lines({name: counts(3) for name in "abcd"})) == 4


def test_of_many_tables_those_that_lost_rows_stand_out() -> None:
    tables = {name: counts(10) for name in "abcdef"} | {"g": counts(5, quarantined=2)}
    assert _read_lines(tables) == [
        "g: 5 rows read = 3 kept + 0 filtered + 0 deduplicated + 2 quarantined",
        "6 other tables: 60 rows read = 60 kept + 0 filtered + 0 deduplicated + 0 quarantined",
    ]
    assert [line.split(":")[0] for line in _read_lines({name: counts(1) for name in "abcde"})] == ["5 tables"]
