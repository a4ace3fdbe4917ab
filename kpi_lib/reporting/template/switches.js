// What a reader can choose beside a live chart: the series it shows and, for all charts over time at once, the periods.
// The choice leaves rows of the chart out; it never computes a figure.
const hidden = new Map(); // chart -> the series it does not show
const rowsOf = (spec) => Object.values(spec?.datasets ?? {}).flat();
const placed = (spec) => rowsOf(spec).filter((row) => typeof row.at === "string" && row.value !== undefined);
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

// The boxes to tick and the two lists of periods under a chart.
function controls(chart, spec, redraw) {
  const bar = made("div", "", { className: "switches" });
  const series = seriesOf(spec);
  if (series.size > 1) bar.append(boxes(chart, series, redraw));
  const periods = periodsOf(spec);
  if (periods.length) bar.append(lists(chart.closest("figure"), periods, chart));
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

// A stretch of time can be drawn with the mouse over a chart.
function brushed(spec) {
  const chart = spec.vconcat?.[0] ?? spec;
  const layer = chart.layer?.find((each) => each.encoding?.x && each.mark?.type !== "text") ?? chart;
  const brush = { name: "stretch", select: { type: "interval", encodings: ["x"] } };
  layer.params = [...(layer.params ?? []), brush];
  return spec;
}

function listen(view) {
  let stretch = [];
  view.addSignalListener("stretch", (_, value) => (stretch = value.at ?? []));
  view.container().addEventListener("pointerup", () => {
    const days = stretch.map(firstDay).filter(Boolean).sort();
    stretch = [];
    if (days.length > 1) choose(days[0], days.at(-1));
  });
}
