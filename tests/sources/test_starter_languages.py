"""kpi init knows the names of columns in other languages than English; what it reads out of them is the same."""

from pathlib import Path

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.period import parse_period
from kpi_lib.sources.looks import plain
from kpi_lib.sources.starter import write_starter
from kpi_lib.sources.workspace import open_workspace

from .conftest import NOW

ORDERS = {
    "de": "Rechnungsnr;Kundennr;Datum;Betrag;Währung",
    "fr": "Numéro facture;ID client;Date facture;Montant TTC;Devise",
    "es": "Pedido;Cliente;Fecha;Importe;Moneda",
    "it": "Ordine;Cliente;Data ordine;Importo;Valuta",
    "pt": "Pedido;ID cliente;Data compra;Valor;Moeda",
    "nl": "Bestelling;Klantnummer;Besteldatum;Bedrag;Valuta",
}
ROWS = "1;k1;14.10.2026;1.254,66 €;EUR\n2;k2;13.10.2026;512,32 €;EUR\n3;k1;30.09.2026;9,02 €;EUR\n"
LOGS = {
    "de": "Benutzer,Ereignis,Zeitstempel",
    "fr": "Utilisateur,Événement,Horodatage",
    "es": "Usuario,Acción,Fecha",
    "it": "Utente,Azione,Data",
    "pt": "Usuario,Ação,Data",
    "nl": "Gebruiker,Gebeurtenis,Datum",
}
OCTOBER = parse_period("2026-10", zone="UTC")


@pytest.mark.parametrize("language", ORDERS)
def test_an_order_list_works_at_once(tmp_path: Path, language: str) -> None:
    (tmp_path / "a.csv").write_text(f"{ORDERS[language]}\n{ROWS}", "utf-8")
    write_starter([tmp_path / "a.csv"], tmp_path)
    data = open_workspace(tmp_path, now=NOW.replace(year=2026, month=11)).data
    assert data.currency == "EUR"
    found = compute(["orders", "total_revenue"], data, OCTOBER).table
    assert found["value"].to_list() == [2.0, 1766.98]


@pytest.mark.parametrize("language", LOGS)
def test_an_event_log_works_at_once(tmp_path: Path, language: str) -> None:
    rows = "".join(f"u{at % 5},{('a', 'b')[at % 2]},2026-10-{at % 9 + 1:02} 10:00:00\n" for at in range(45))
    (tmp_path / "a.csv").write_text(f"{LOGS[language]}\n{rows}", "utf-8")
    write_starter([tmp_path / "a.csv"], tmp_path)
    opened = open_workspace(tmp_path, now=NOW.replace(year=2026, month=11))
    assert set(opened.data.tables["events"]["event"].unique()) == {"a", "b"}
    assert compute("active_users", opened.data, OCTOBER).table["value"].to_list() == [5.0]


def test_accents_and_marks_do_not_count() -> None:
    assert [plain(name) for name in ("ÉVÉNEMENT", "Währung (€)", "No. Commande", "AÇÃO")] == [
        "evenement", "wahrung", "nocommande", "acao",
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["Kundennr", "ID client", "Cliente", "Klantnummer", "customer_id"])
def test_a_number_of_the_customer_in_any_language_goes_before_an_address(tmp_path: Path, number: str) -> None:
    """By the address nobody would be found again in the other files, which know the number."""
    rows = "".join(f"K{at},k{at}@example.org,2026-10-{at + 1:02} 10:00:00\n" for at in range(9))
    (tmp_path / "a.csv").write_text(f"{number},E-Mail,signup_date\n{rows}", "utf-8")
    write_starter([tmp_path / "a.csv"], tmp_path)
    assert open_workspace(tmp_path, now=NOW.replace(year=2026, month=11)).data.tables["users"]["user_id"][0] == "K0"


@pytest.mark.parametrize("time", ["zeitstempel_utc", "Datum der Aktion", "fecha_evento"])
def test_a_time_is_known_by_a_part_of_its_name(tmp_path: Path, time: str) -> None:
    rows = "".join(f"u{at % 5},{('a', 'b')[at % 2]},2026-10-{at % 9 + 1:02} 10:00:00\n" for at in range(45))
    (tmp_path / "a.csv").write_text(f"Kundennr,Ereignis,{time}\n{rows}", "utf-8")
    write_starter([tmp_path / "a.csv"], tmp_path)
    assert len(open_workspace(tmp_path, now=NOW.replace(year=2026, month=11)).data.tables["events"]) == 45
