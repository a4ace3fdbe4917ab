// Replaces each still chart by its live twin when it comes near; a chart that cannot be drawn live stays as it is.
const kept = JSON.parse(document.getElementById("kpi-specs").textContent);
const specs = kept.charts.map(({ wide, narrow }) => ({ wide: whole(wide), narrow: whole(narrow) }));
const look = JSON.parse(document.getElementById("kpi-look").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const small = window.matchMedia(`(max-width: ${look.breakpoint}px)`);
const mouse = window.matchMedia("(pointer: fine)");
const views = new Map();

// What all charts have in common is written once.
function whole(spec) {
  if (!spec) return spec;
  const datasets = Object.entries(spec.datasets ?? {}).map(([name, rows]) => [name, rows ?? kept.datasets[name]]);
  return { config: kept.config, ...spec, ...(spec.datasets && { datasets: Object.fromEntries(datasets) }) };
}

// Colours change with the mode, data never do.
function dressed(value, key) {
  if (key === "data" || key === "datasets") return value;
  if (typeof value === "string") return look.colours[value.toLowerCase()] ?? value;
  if (Array.isArray(value)) return value.map((each) => dressed(each, ""));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, dressed(each, name)]));
}

async function draw(chart) {
  const both = specs[Number(chart.dataset.chart) - 1];
  const chosen = small.matches && both.narrow ? both.narrow : both.wide;
  const stage = chart.querySelector(".live");
  const place = document.createElement("div");
  place.setAttribute("aria-hidden", "true"); // the stage around it says what the chart found
  const drawn = mouse.matches && periodsOf(chosen).length ? brushed(narrowed(chosen, chart)) : narrowed(chosen, chart);
  try {
    const spec = dark.matches ? dressed(drawn, "") : drawn;
    const options = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, defaultStyle: false };
    const result = await window.vegaEmbed(place, spec, { ...options, tooltip: { theme: "kpi", disableDefaultStyle: true }, logLevel: 1 });
    views.get(chart)?.finalize();
    views.set(chart, result);
    place.firstElementChild?.removeAttribute("style");
    stage.replaceChildren(place);
    const width = place.querySelector("svg")?.getAttribute("width");
    if (width) stage.style.setProperty("--natural", `${width}px`);
    if (mouse.matches && periodsOf(chosen).length) listen(result.view);
    chart.classList.add("drawn");
  } catch {
    chart.classList.remove("drawn");
  }
}

const charts = [...document.querySelectorAll("[data-chart]")];
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  },
  { rootMargin: "400px" },
);
const redraw = (some) => some.filter((chart) => views.has(chart)).forEach(draw);
redrawn = redraw;
for (const chart of charts) {
  const { wide } = specs[Number(chart.dataset.chart) - 1];
  controls(chart, wide, redraw);
  seen.observe(chart);
}

const again = () => redraw(charts);
dark.addEventListener("change", again);
small.addEventListener("change", again);
