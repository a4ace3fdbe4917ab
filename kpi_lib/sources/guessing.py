"""What somebody's file probably holds: which canonical table, and which column is which, each with the reason."""

import re
from dataclasses import dataclass

import polars as pl

from kpi_lib.core.errors import DataError, UsageError, shown
from kpi_lib.core.schema import TABLES
from kpi_lib.sources.findings import GENERAL_MEND, MENDS, WIDTH
from kpi_lib.sources.kinds import FIGURES, as_text, blank_to_null, decimal_of
from kpi_lib.sources.looks import (
    anything,
    as_times,
    containing,
    form_of,
    is_amount,
    is_currency,
    is_data,
    is_name,
    is_time,
    kinds_in,
    named,
    plain,
    same,
)
from kpi_lib.sources.money import sign_of
from kpi_lib.sources.reading import Raw
from kpi_lib.sources.recognising import constants_of, listed, recognise

# usual names, the surest first; written without separators and in small letters
USUAL_AS_TEXT = """
user: userid user uid customerid customer custid clientid client visitorid visitor accountid account memberid member
user: personid person distinctid anonymousid userpseudoid profileid buyerid buyer subscriberid playerid player guestid
user: contactid studentid student learnerid learner patientid userkey customerkey
time: time timestamp ts eventtime eventtimestamp datetime occurredat eventdate createdat created at when orderdate
time: orderedat ordertime purchasedat purchasedate purchasetime paidat invoicedate transactiondate transactiontime
time: paymentdate servertime clienttime visittime visitdate starttime startedat loggedat date day dt updatedat
sure: event eventname eventtype action activity actionname activityname eventaction behavior behaviortype
event: type name what verb step page screen kind interaction operation category
amount: amount revenue total totalamount ordertotal ordervalue orderamount totalprice grandtotal value price sales
amount: salesamount paid payment paymentamount gross net netamount spend spent sum cost subtotal monetaryvalue
order: orderid orderno ordernumber order invoiceid invoiceno invoice receiptid basketid checkoutid
signup: signupts signupdate signupat signedupat signedup signup registeredat registrationdate registered joinedat
signup: joindate joined
currency: currency currencycode ccy cur
event_id: eventid insertid messageid eventuuid uuid
session_id: sessionid session usersession visitid sid
ingested: ingested ingestedat receivedat loadedat insertedat
transaction_id: transactionid transaction paymentid chargeid
product: product productid productname sku item itemid
channel: channel acquisitionchannel source utmsource
plan: plan planname tier
"""
# the same in German, French, Spanish, Italian, Portuguese and Dutch, without accents
ELSEWHERE_AS_TEXT = """
user: kundennr kundennummer kundenid kunde benutzerid benutzer nutzerid nutzer mitgliedsnr mitglied besucherid
user: idclient numeroclient numclient utilisateur idutilisateur utilisateurid cliente idcliente clienteid usuario
user: idusuario usuarioid utente idutente klantid klantnummer klant gebruiker gebruikerid
user: username useremail customeremail email deviceid cookieid who
time: datum zeit zeitpunkt zeitstempel uhrzeit bestelldatum rechnungsdatum kaufdatum datecommande datefacture dateachat
time: horodatage fecha fechapedido fechacompra fechafactura dataordine dataacquisto datapedido datacompra besteldatum
time: factuurdatum data
event: ereignis aktion vorgang evenement evento accion acao azione gebeurtenis actie
amount: betrag gesamtbetrag bruttobetrag nettobetrag rechnungsbetrag umsatz summe gesamtsumme preis montant montantttc
amount: montanttotal prix importe importetotal monto precio valor valortotal preco importo prezzo bedrag prijs totaal totale
order: bestellnr bestellnummer bestellung rechnungsnr rechnungsnummer rechnung auftragsnr commande numerocommande
order: facture numerofacture pedido numeropedido factura ordine fattura bestelling factuur factuurnummer
signup: anlagedatum registrierungsdatum registriertam anmeldedatum kundeseit dateinscription datecreation fecharegistro
signup: fechaalta dataregistrazione datacadastro registratiedatum
currency: wahrung waehrung devise moneda divisa valuta moeda
product: produkt artikel artikelnr produit article producto articulo prodotto produto artikelnummer
channel: kanal canal canale
plan: tarif forfait tarifa piano plano
"""
USUAL = listed(USUAL_AS_TEXT + ELSEWHERE_AS_TEXT.lstrip())
BELONGS = {
    "events": ("event_id", "session_id", "ingested"),
    "transactions": ("transaction_id", "product"),
    "users": ("channel", "plan"),
}
MONEY_WORDS = ("amount", "revenue", "price", "total", "value", "sales")
PEOPLE = (
    "user",
    "customer",
    "member",
    "account",
    "client",
    "people",
    "kunde",
    "nutzer",
    "utilisateur",
    "usuario",
    "klant",
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A file's table, its columns with the reason for each, constants, and what else is worth saying."""

    raw: Raw
    table: str
    why: str
    columns: dict[str, tuple[str, str]]
    constants: dict[str, tuple[str, str]]
    naive: bool = False
    where: tuple[str, str] | None = None
    currency: str | None = None
    forms: tuple[str, ...] = ()
    meanings: tuple[tuple[str, str], ...] = ()
    decimal: str | None = None

    @property
    def unused(self) -> list[str]:
        """The file's columns that no canonical column takes."""
        used = {theirs for theirs, _ in self.columns.values()}
        return [name for name in self.raw.columns if name not in used]

    def values(self, canonical: str) -> pl.Series:
        """The file's values behind a guessed column."""
        return as_text(blank_to_null(self.raw.rows[self.columns[canonical][0]]))


def guess(raw: Raw) -> Guess:
    """Guess what one file is; a file that is no other table and lacks a user or a time is refused, with what it has."""
    if raw.rows.is_empty() and not raw.rejects.is_empty():
        raise _unread(raw)
    sure = named(raw, USUAL["sure"], is_name)
    table, why, columns = (None if sure else recognise(raw)) or _table(raw)
    constants = constants_of(raw, table) if "kind" not in columns else {}
    if table == "events" and "event" not in columns:
        constants["event"] = ("visit", "no column names what happened, so every row counts as a visit")
    for name in BELONGS.get(table, ()):
        if found := named(raw, USUAL[name], anything):
            _other(raw, name, found, columns)
    where = currency = None
    meanings: tuple[tuple[str, str], ...] = ()
    kinds = {column.name: column.kind for column in TABLES[table]}
    if table == "transactions":
        meanings = _order_and_kind(raw, columns, constants)
    if "money" in {kinds[name] for name in columns}:
        where, currency = _currency(raw, table, columns, constants)
    elif (theirs := same(raw, "event_id")) and "event_id" not in columns:
        constants["event_id"] = ("", f"{theirs} repeats, so it does not tell rows apart")
    times = [theirs for name, (theirs, _) in columns.items() if kinds[name] == "time"]
    days = [theirs for name, (theirs, _) in columns.items() if kinds[name] == "day"]
    forms = next((tuple(fits) for name in [*times, *days] if (fits := form_of(raw, name))), ())
    clocked = any("%H" in form or "%I" in form for form in forms)
    naive = clocked or any(as_times(raw, name)["naive"].any() for name in times)
    marks = {decimal_of(raw.rows[theirs]) for name, (theirs, _) in columns.items() if kinds[name] in FIGURES}
    mark = next((each for each in (",", ".") if each in marks), None)
    return Guess(raw, table, why, columns, constants, naive, where, currency, forms, meanings, mark)


def _table(raw: Raw) -> tuple[str, str, dict[str, tuple[str, str]]]:
    user = named(raw, USUAL["user"], anything) or containing(
        raw, ("user", "customer", "client", "visitor", "member", "buyer")
    )
    people = any(word in raw.name.lower().rpartition("/")[2] for word in PEOPLE)
    if user is None and people:
        user = next((c for c in raw.columns if plain(c) == "id" and raw.rows[c].is_unique().all()), None)
    if user is None:
        raise _refused(raw, "who did it (a user, customer, visitor or account id)", "user_id")
    time = named(raw, USUAL["time"], is_time) or containing(
        raw, ("time", "date", "_at", "day", "zeit", "datum", "fecha"), is_time
    )
    signup = named(raw, USUAL["signup"], is_time)
    if time is None and signup is None:
        raise _refused(raw, "when it happened (a time or a date such as 2026-01-05 10:00)", "time")
    sure = named(raw, USUAL["sure"], is_name)
    amount = named(raw, USUAL["amount"], is_amount) or containing(raw, MONEY_WORDS, is_amount)
    once = not raw.rows.is_empty() and _unique(raw, user)
    weak = None if amount or (once and (signup or people)) else named(raw, USUAL["event"], is_name)
    if once and not (sure or weak or amount):
        return _users(raw, user, signup or str(time))
    columns = {"user_id": _user(raw, user), "time": (str(time or signup), "its values read as times")}
    if event := sure or weak:
        columns["event"] = (event, f"{raw.rows[event].n_unique():,} different names")
        return "events", f"column {event} says what happened", columns
    if amount:
        columns["amount"] = (amount, _priced(raw, amount))
        return "transactions", f"column {amount} holds amounts and no column names an event", columns
    return "events", "users and times, but neither amounts nor names of events", columns


def _users(raw: Raw, user: str, signup: str) -> tuple[str, str, dict[str, tuple[str, str]]]:
    number = next((c for c in raw.columns if plain(c) == "id" and raw.rows[c].is_unique().all()), None)
    # a number says less about a person than an address or a name
    key = number if number and plain(user) in ("email", "useremail", "customeremail", "username") else user
    columns = {"user_id": _user(raw, key), "signup_ts": (signup, "a time, and each user has one row")}
    return "users", "one row for each user, with the day they came", columns


def _unique(raw: Raw, column: str) -> bool:
    """Whether no two different rows share a value; a row that stands there twice is dirt, not a second one."""
    rows = raw.rows.select(raw.columns).filter(pl.col(column).is_not_null())
    if rows[column].is_unique().all():
        return True
    nested = any(kind.is_nested() for kind in rows.schema.values())
    return not nested and rows[column].n_unique() == rows.n_unique()


def _user(raw: Raw, column: str) -> tuple[str, str]:
    return column, f"{raw.rows[column].n_unique():,} different values in {len(raw.rows):,} rows"


def _priced(raw: Raw, amount: str) -> str:
    many = next((c for c in raw.columns if plain(c) in ("quantity", "qty", "units", "count")), None)
    if many and "price" in amount.lower():
        return f"its values read as amounts; if they are for one piece, multiply them by {many} before"
    return "its values read as amounts"


def _other(raw: Raw, name: str, theirs: str, columns: dict[str, tuple[str, str]]) -> None:
    if theirs in {used for used, _ in columns.values()}:
        return
    if name in ("event_id", "transaction_id") and not _unique(raw, theirs):
        # a repeated key would drop rows; as the number of an order it puts them together
        if name == "transaction_id":
            columns["order_id"] = (theirs, "rows with the same value are one order")
        return
    if name == "ingested" and not is_time(raw, theirs):
        return
    columns[name] = (theirs, "by its name")


def _order_and_kind(
    raw: Raw, columns: dict[str, tuple[str, str]], constants: dict[str, tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Order and kind of transactions, and what the file's own words for kinds mean."""
    if "order_id" not in columns and (order := named(raw, USUAL["order"], anything)):
        columns["order_id"] = (order, "rows with the same value are one order")
    used = {theirs for theirs, _ in columns.values()}
    for theirs in (name for name in raw.columns if name not in used):
        if found := kinds_in(raw, theirs):
            columns["kind"] = (theirs, "its values tell sales from money given back")
            return tuple((word, kind) for word, kind in found.items() if word != kind)
    if own := same(raw, "kind"):
        constants["kind"] = ("sale", f"{own} holds something else than sale, refund or credit")
    return ()


def _currency(
    raw: Raw, table: str, columns: dict[str, tuple[str, str]], constants: dict[str, tuple[str, str]]
) -> tuple[tuple[str, str] | None, str | None]:
    """The currency of amounts; without a table of rates, other currencies than the main one are filtered."""
    amount = columns.get("amount", ("", ""))[0]
    theirs = named(raw, USUAL["currency"], is_currency)
    if theirs is None:
        if unread := same(raw, "currency"):
            constants["currency"] = ("USD", f"{unread} holds no currency codes")
        return None, _currency_in(raw, amount)
    if any(column.name == "currency" for column in TABLES[table]):
        columns["currency"] = (theirs, "its values are currency codes")
    codes = as_text(blank_to_null(raw.rows[theirs])).drop_nulls().to_frame("code").group_by("code").len()
    ranked = codes.sort("len", "code", descending=[True, False])
    if ranked.is_empty():
        return None, _currency_in(raw, amount)
    main = ranked["code"][0]
    if len(ranked) == 1:
        return None, str(main).upper()
    others = ", ".join(f"{code} ({rows:,} rows)" for code, rows in ranked[1:6].iter_rows())
    quoted = theirs.replace('"', '""')
    condition = f"\"{quoted}\" = '{main}'"
    return (condition, f"left out until a table rates is mapped: {others}"), str(main).upper()


def _currency_in(raw: Raw, name: str) -> str | None:
    """The currency that the name of a column of amounts tells, or their signs."""
    found = re.search(r"(?:^|[^a-z])(usd|eur|gbp|chf|jpy|cad|aud|sek|nok|dkk|pln|inr|brl)(?:$|[^a-z])", name.lower())
    return found[1].upper() if found else sign_of(raw.rows[name]) if name else None


def _unread(raw: Raw) -> DataError:
    """None of the lines below the header can be read: mostly it is no header, or the text is in another encoding."""
    line, reason = raw.rejects.select("line", "reason").row(0)
    mend = "the names of the columns must stand in the first line" if reason.startswith(WIDTH) else MENDS.get(reason)
    return DataError(
        f"{raw.name}: none of its {len(raw.rejects):,} rows can be read. Line {line}: {reason}.\nMend: {mend or GENERAL_MEND}."
    )


def _refused(raw: Raw, what: str, canonical: str) -> UsageError:
    if any(is_data(name) for name in raw.columns):
        return UsageError(
            f"{raw.name}: the first line holds data, not the names of columns: {shown(', '.join(raw.columns), 100)}\n"
            "Put a line with the names above it, such as user_id,event,time."
        )
    there = ", ".join(_sampled(raw, name) for name in raw.columns[:12])
    more = f" … ({len(raw.columns)} in all)" if len(raw.columns) > 12 else ""
    return UsageError(
        f"{raw.name}: no column says {what}.\nIts columns, with a first value: {there}{more}\n"
        f"Rename the right column to {canonical} in a copy of the file, or write kpi.toml by hand."
    )


def _sampled(raw: Raw, name: str) -> str:
    values = as_text(raw.rows[name].head(1)) if not raw.rows.schema[name].is_nested() else pl.Series([None])
    return f"{name} ({shown(values[0], 24)})" if len(values) and values[0] is not None else name
