// What a reader can choose beside a live chart: the series it shows and, for all charts over time at once, the periods.
// The choice leaves rows of the chart out; it never computes a figure.
const choice = { from: "", to: "" }; // first days of periods; empty: all
const hidden = new Map(); // chart -> the series it does not show
const QUARTER = { Q1: "01", Q2: "04", Q3: "07", Q4: "10" };

// The first day of a period as it is written under an axis; empty when it is none.
function firstDay(at) {
  const found = /^(\d{4})(?:-(\d{2}|Q[1-4]))?(?:-(\d{2}))?(?![\d])/.exec(String(at));
  return found ? `${found[1]}-${QUARTER[found[2]] ?? found[2] ?? "01"}-${found[3] ?? "01"}` : "";
}

const rowsOf = (spec) => Object.values(spec?.datasets ?? {}).flat();
const placed = (spec) => rowsOf(spec).filter((row) => typeof row.at === "string" && row.value !== undefined);
const inside = (at) => (!choice.from || firstDay(at) >= choice.from) && (!choice.to || firstDay(at) <= choice.to);

// The periods that are wanted; all where fewer than two would be left, as of a year among weeks.
function left(periods) {
  const found = periods.filter(inside);
  return found.length > 1 ? found : periods;
}

// The periods of a chart over time in their order, or none.
function periodsOf(spec) {
  const found = [...new Set(placed(spec).map((row) => row.at))];
  return found.length > 2 && found.every(firstDay) ? found.sort((a, b) => (firstDay(a) < firstDay(b) ? -1 : 1)) : [];
}

// The series of a chart with the colour of each; none when there is nothing to choose from.
function seriesOf(spec) {
  const there = new Set(placed(spec).map((row) => row.series));
  const found = new Map();
  const look = (value) => {
    if (value === null || typeof value !== "object") return;
    const scale = value.color?.field === "series" && value.color.scale;
    if (scale?.domain?.length > 1) scale.domain.forEach((name, at) => there.has(name) && found.set(name, scale.range[at]));
    Object.entries(value).forEach(([name, each]) => name !== "datasets" && look(each));
  };
  look(spec);
  return found;
}

// The chart without the series and periods that are not wanted; colours and the scale of values stay.
function narrowed(spec, chart) {
  const without = hidden.get(chart) ?? new Set();
  const periods = periodsOf(spec);
  const kept = left(periods);
  const cut = kept.length < periods.length;
  const wanted = (row) => !without.has(row.series) && (!cut || typeof row.at !== "string" || kept.includes(row.at));
  const datasets = Object.fromEntries(
    Object.entries(spec.datasets ?? {}).map(([name, rows]) => [name, cut ? moved(rows, spec, kept, wanted) : rows.filter(wanted)]),
  );
  return { ...shorter(spec, cut ? kept : null, seriesOf(spec).size > 1), datasets };
}

// The dot and the label at the end of a line go to the last period that is left.
function moved(rows, spec, kept, wanted) {
  const ends = new Map(placed(spec).filter((row) => wanted(row) && row.value !== null).map((row) => [row.series, row]));
  const before = new Map(placed(spec).filter((row) => row.value !== null).map((row) => [row.series, row]));
  return rows.flatMap((row) => {
    if (wanted(row)) return [row];
    const end = ends.get(row.series);
    if (!end || kept.includes(row.at)) return [];
    if (row.last) return [{ ...end, alone: false, last: true }];
    const told = before.get(row.series)?.told;
    if (row.text === undefined || !row.text.endsWith(told)) return [];
    return [{ ...row, at: end.at, y: end.value, text: row.text.slice(0, row.text.length - told.length) + end.told }];
  });
}

// Axes over the periods that are left; a legend is not drawn where boxes to tick tell the same.
function shorter(value, kept, ticked) {
  if (Array.isArray(value)) return value.map((each) => shorter(each, kept, ticked));
  if (value === null || typeof value !== "object") return value;
  const found = {};
  for (const [name, each] of Object.entries(value)) {
    if (name === "datasets") continue;
    found[name] = name === "x" && kept && each?.field === "at" ? axis(each, kept) : shorter(each, kept, ticked);
    if (name === "color" && ticked && each?.legend) found.color.legend = null;
  }
  return found;
}

function axis(x, kept) {
  const every = Math.max(Math.ceil(kept.length / (x.axis?.values?.length || 4)), 1);
  const marks = kept.filter((_, at) => (kept.length - 1 - at) % every === 0);
  return { ...x, sort: kept, scale: { ...x.scale, domain: kept }, axis: x.axis && { ...x.axis, values: marks } };
}

function made(tag, words, more = {}) {
  const found = Object.assign(document.createElement(tag), more);
  if (words) found.append(words);
  return found;
}

// The boxes to tick and the two lists of periods under a chart.
function controls(chart, spec, redraw) {
  const bar = made("div", "", { className: "switches" });
  const series = seriesOf(spec);
  if (series.size > 1) bar.append(boxes(chart, series, redraw));
  const periods = periodsOf(spec);
  if (periods.length) bar.append(lists(chart, periods, redraw));
  if (bar.childElementCount) chart.after(bar);
}

// Series that have no colour of their own share one box.
function told(series) {
  const found = new Map();
  series.forEach((colour, name) => found.set(colour, [...(found.get(colour) ?? []), name]));
  return [...found].map(([colour, names]) => [names, colour]);
}

function boxes(chart, series, redraw) {
  const group = made("fieldset", made("legend", "Show in this chart", { className: "kpi-hidden" }));
  hidden.set(chart, new Set());
  for (const [names, colour] of told(series)) {
    const box = made("input", "", { type: "checkbox", checked: true });
    box.style.accentColor = colour;
    box.addEventListener("change", () => {
      names.forEach((name) => hidden.get(chart)[box.checked ? "delete" : "add"](name));
      redraw([chart]);
    });
    const label = made("label", box);
    label.append(names.length > 1 ? `(other ${names.length})` : names[0]);
    group.append(label);
  }
  return group;
}

const rulers = []; // the lists of periods of all charts, which move together

function lists(chart, periods, redraw) {
  const group = made("fieldset", made("legend", "Periods shown in all charts over time", { className: "kpi-hidden" }));
  const [from, to] = ["from", "to"].map((end) => {
    const list = made("select", "");
    periods.forEach((at) => list.append(made("option", at, { value: firstDay(at) })));
    list.addEventListener("change", () => choose(from.value, to.value, redraw));
    const label = made("label", end + " ");
    label.append(list);
    group.append(label);
    return list;
  });
  to.value = firstDay(periods.at(-1));
  const all = made("button", "all periods", { type: "button", hidden: true });
  all.addEventListener("click", () => {
    from.focus();
    choose("", "", redraw);
  });
  group.append(all);
  rulers.push({ chart, from, to, all, days: periods.map(firstDay) });
  return group;
}

function choose(from, to, redraw) {
  [choice.from, choice.to] = from && to && from > to ? [to, from] : [from, to];
  for (const ruler of rulers) {
    const days = left(ruler.days);
    [ruler.from.value, ruler.to.value] = [days[0], days.at(-1)];
    ruler.all.hidden = !choice.from && !choice.to;
    for (const row of ruler.chart.closest("figure").querySelectorAll("tbody tr")) {
      const day = row.querySelector("[data-start]")?.dataset.start;
      row.hidden = ruler.days.includes(day) && !days.includes(day);
    }
  }
  redraw(rulers.map((ruler) => ruler.chart));
}

// A stretch of time can be drawn with the mouse over a chart.
function brushed(spec) {
  const chart = spec.vconcat?.[0] ?? spec;
  const layer = chart.layer?.find((each) => each.encoding?.x && each.mark?.type !== "text") ?? chart;
  const brush = { name: "stretch", select: { type: "interval", encodings: ["x"] } };
  layer.params = [...(layer.params ?? []), brush];
  return spec;
}

function listen(view, redraw) {
  let stretch = [];
  view.addSignalListener("stretch", (_, value) => (stretch = value.at ?? []));
  view.container().addEventListener("pointerup", () => {
    const days = stretch.map(firstDay).filter(Boolean).sort();
    stretch = [];
    if (days.length > 1) choose(days[0], days.at(-1), redraw);
  });
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
