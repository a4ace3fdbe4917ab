// What a reader can choose on a page: the periods of charts and tables, the segments of a table, one of several figures that
// are alternatives, and the period of the tiles. A choice shows and hides what stands in the page; it never computes a figure.
const choice = { from: "", to: "" }; // first days of periods; empty: all
const rulers = []; // the lists of periods of all charts and tables, which move together
let redrawn = () => {}; // draws these charts again, where there are any
const QUARTER = { 1: "01", 2: "04", 3: "07", 4: "10" };

// The first day of a period as it is written under an axis or in a table; empty when it is none.
function firstDay(at) {
  const quarter = /^Q([1-4]) (\d{4})$/.exec(String(at));
  if (quarter) return `${quarter[2]}-${QUARTER[quarter[1]]}-01`;
  const found = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?(?![\d])/.exec(String(at));
  return found ? `${found[1]}-${found[2] ?? "01"}-${found[3] ?? "01"}` : "";
}

const inside = (at) => (!choice.from || firstDay(at) >= choice.from) && (!choice.to || firstDay(at) <= choice.to);

// The periods that are wanted; all where fewer than two would be left, as of a year among weeks.
function left(periods) {
  const found = periods.filter(inside);
  return found.length > 1 ? found : periods;
}

function made(tag, words, more = {}) {
  const found = Object.assign(document.createElement(tag), more);
  if (words) found.append(words);
  return found;
}

// Rows that are out of the periods or segments that are wanted.
const gone = new Map();
function leave(row, why, out) {
  const reasons = gone.get(row) ?? new Set();
  reasons[out ? "add" : "delete"](why);
  gone.set(row, reasons);
  row.hidden = reasons.size > 0;
}

const rowsIn = (box) => [...box.querySelectorAll("tbody tr")];
const dayOf = (row) => row.querySelector("[data-start]")?.dataset.start ?? "";

// Two lists of periods for what is shown in a box: a chart with its table, or a table.
function lists(box, periods, chart = null) {
  const group = made("fieldset", made("legend", "Periods shown in all charts and tables over time", { className: "kpi-hidden" }));
  const [from, to] = ["from", "to"].map((end) => {
    const list = made("select", "");
    periods.forEach((at) => list.append(made("option", at, { value: firstDay(at) })));
    list.addEventListener("change", () => choose(from.value, to.value));
    const label = made("label", end + " ");
    label.append(list);
    group.append(label);
    return list;
  });
  to.value = firstDay(periods.at(-1));
  const all = made("button", "all periods", { type: "button", hidden: true });
  all.addEventListener("click", () => {
    from.focus();
    choose("", "");
  });
  group.append(all);
  rulers.push({ box, chart, from, to, all, days: periods.map(firstDay) });
  return group;
}

function choose(from, to) {
  [choice.from, choice.to] = from && to && from > to ? [to, from] : [from, to];
  for (const ruler of rulers) {
    const days = left(ruler.days);
    [ruler.from.value, ruler.to.value] = [days[0], days.at(-1)];
    ruler.all.hidden = !choice.from && !choice.to;
    for (const row of rowsIn(ruler.box)) leave(row, "period", ruler.days.includes(dayOf(row)) && !days.includes(dayOf(row)));
  }
  redrawn(rulers.map((ruler) => ruler.chart).filter(Boolean));
}

// Days as the table names its periods: quarters where it does, else months, else the days themselves.
function namesOf(days, table) {
  const cells = rowsIn(table).flatMap((row) => [...row.cells].map((cell) => cell.textContent));
  const quarters = new Map(cells.filter((text) => /^Q[1-4] \d{4}$/.test(text)).map((text) => [firstDay(text), text]));
  if (days.every((day) => quarters.has(day))) return days.map((day) => quarters.get(day));
  const months = days.every((day) => day.endsWith("-01"));
  return days.map((day) => (months ? day.slice(0, 7) : day));
}

// Whether the rows are no course of time: of several that have the same name each has one period, as products side by side.
function apart(table) {
  const found = new Map();
  for (const row of rowsIn(table)) found.set(row.cells[0].textContent, (found.get(row.cells[0].textContent) ?? new Set()).add(dayOf(row)));
  return found.size < rowsIn(table).length && [...found.values()].every((own) => own.size === 1);
}

// A table over time that stands under no chart has its own lists; one with segments has a list for each column of them.
function tables() {
  for (const table of document.querySelectorAll(".kpi-table")) {
    const bar = made("div", "", { className: "switches" });
    const columns = table.querySelector("table").dataset.choices?.split(" ").map(Number) ?? [];
    columns.forEach((at) => bar.append(...segments(table, at)));
    const days = [...new Set(rowsIn(table).map(dayOf).filter(Boolean))].sort();
    if (days.length > 2 && !apart(table) && !rulers.some((ruler) => ruler.box.contains(table))) bar.append(lists(table, namesOf(days, table)));
    if (bar.childElementCount) table.prepend(bar);
  }
}

function segments(table, at) {
  const named = (row) => row.cells[at].textContent;
  const values = [...new Set(rowsIn(table).map(named))];
  if (values.length < 2 || values.length === rowsIn(table).length) return [];
  const list = made("select", made("option", "all", { value: "" }));
  values.forEach((value, nth) => list.append(made("option", value, { value: String(nth) })));
  list.addEventListener("change", () => {
    for (const row of rowsIn(table)) leave(row, `column ${at}`, list.value !== "" && named(row) !== values[Number(list.value)]);
  });
  const label = made("label", table.querySelectorAll("thead th")[at].textContent + " ");
  label.append(list);
  return [label];
}

// Figures in a row that are alternatives: one is shown, and a list of buttons says which.
function alternatives() {
  const first = [...document.querySelectorAll("figure[data-switch]")].filter(
    (each) => each.previousElementSibling?.dataset.switch !== each.dataset.switch,
  );
  first.forEach((figure, at) => {
    const row = [];
    for (let each = figure; each?.dataset.switch === figure.dataset.switch; each = each.nextElementSibling) row.push(each);
    if (row.length < 2) return;
    const show = (chosen) => row.forEach((each) => (each.hidden = each !== chosen));
    const group = made("fieldset", made("legend", figure.dataset.switch));
    for (const each of row) {
      each.querySelector(".option").hidden = true; // the button says it
      const dot = made("input", "", { type: "radio", name: `switch-${at}`, checked: each === figure });
      dot.addEventListener("change", () => show(each));
      const label = made("label", dot);
      label.append(each.dataset.option);
      group.append(label);
    }
    const bar = made("div", group, { className: "switches" });
    figure.before(bar);
    show(figure);
  });
}

// The tiles of an earlier period, as they stand in the page; on paper a tile always shows the report's own.
function tiles() {
  const found = [...document.querySelectorAll(".kpi-tile[data-at]")];
  if (!found.length) return;
  const past = found.flatMap((tile) => [...tile.querySelectorAll(":scope > template")]);
  const names = new Map([...found, ...past].map((each) => [each.dataset.at, each.dataset.name]));
  const own = found[0].dataset.at;
  const list = made("select", "");
  [...names.keys()].sort().reverse().forEach((day) => list.append(made("option", names.get(day), { value: day })));
  list.value = own;
  const told = made("span", "", { role: "status", className: "kpi-hidden" });
  const back = made("button", `back to ${names.get(own)}`, { type: "button", hidden: true });
  const show = () => {
    found.forEach((tile) => turned(tile, list.value, names.get(list.value)));
    back.hidden = list.value === own;
    told.textContent = `The tiles show ${names.get(list.value)}.`;
  };
  list.addEventListener("change", show);
  back.addEventListener("click", () => {
    list.value = own;
    list.focus();
    show();
  });
  const label = made("label", "Period in the tiles ");
  label.append(list);
  const bar = made("div", label, { className: "switches" });
  bar.append(back, told);
  document.querySelector(".star, .kpi-tiles").before(bar);
}

function turned(tile, day, name) {
  tile.querySelector(":scope > .kpi-then")?.remove();
  tile.classList.toggle("then", day !== tile.dataset.at);
  if (day === tile.dataset.at) return;
  const place = made("div", made("p", name, { className: "kpi-note" }), { className: "kpi-then" });
  const kept = [...tile.querySelectorAll(":scope > template")].find((each) => each.dataset.at === day);
  place.append(kept ? kept.content.cloneNode(true) : made("p", "no figure", { className: "kpi-quiet" }));
  tile.querySelector("h3").after(place);
}
