// Charts are drawn when they come near the window, and the others while nothing else is to do.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const configs = read("configs");
const views = new Map(); // name of a chart -> its view, its section, and the field of `pick`

// Panels side by side need room; on a phone they stand below each other with the legend beneath.
function fit(spec, room) {
  const config = structuredClone(configs[dark.matches ? "dark" : "light"]);
  if (room < 1010) {
    const columns = Math.max(1, Math.floor(room / 190));
    config.legend = { ...config.legend, orient: "bottom", columns };
  }
  const labels = room < 560 ? 120 : config.axisY.labelLimit;
  config.axisY = { labelLimit: labels };
  if (spec.concat && room < 940) spec.columns = 1;
  for (const part of [spec, ...(spec.concat ?? [])]) {
    if (part.facet) part.columns = Math.max(1, Math.min(part.columns ?? 9, Math.floor((room - 90) / 155)));
    if (typeof part.width === "number") {
      const ends = (part.layer ?? []).some(({ mark }) => mark?.type === "text" && mark.align === "left");
      const side = (typeof part.height === "number" ? 90 : labels + 40) + 60 * ends;
      part.width = Math.max(120, Math.min(part.width, room - side));
    }
  }
  return { ...spec, config };
}

// The selection that a legend binds may stand at any depth.
function pickField(spec) {
  const own = (spec.params ?? []).find((param) => param.name === "pick");
  if (own) return own.select?.fields?.[0];
  for (const part of [...(spec.concat ?? []), ...(spec.layer ?? [])]) {
    const field = pickField(part);
    if (field) return field;
  }
  return undefined;
}

async function draw(plot) {
  const name = plot.dataset.chart;
  try {
    const content = read(`content-${name}`);
    let text = JSON.stringify(content.spec);
    if (dark.matches) {
      for (const [light, swapped] of Object.entries(configs.swap)) text = text.replaceAll(light, swapped);
    }
    const spec = fit(JSON.parse(text), plot.clientWidth);
    spec.datasets = Object.fromEntries(
      Object.entries(content.data).map(([key, columns]) => [key, rowsOf(columns)]));
    const theme = dark.matches ? "dark" : "light";
    const options = { mode: "vega-lite", renderer: "svg", actions: false, tooltip: { theme },
      logLevel: 1 }; // errors only: a panel without a ranked row has no extent
    plot.style.minHeight = `${plot.dataset.drawn ? plot.clientHeight : 320}px`; // nothing jumps
    views.get(name)?.view.finalize();
    const inner = document.createElement("div");
    plot.replaceChildren(inner);
    const { view } = await vegaEmbed(inner, spec, options);
    plot.style.minHeight = "";
    const section = plot.closest("section").id;
    const known = new Set(Object.values(spec.datasets).flat().map((row) => row[pickField(spec)]));
    views.set(name, { view, section, field: pickField(spec), known });
    link(name);
    plot.dataset.drawn = "true";
    plot.toggleAttribute("data-dark", dark.matches);
  } catch (error) {
    const message = document.createElement("p");
    message.className = "error";
    message.textContent = `${words.failed} ${error.message}`;
    plot.replaceChildren(message);
    plot.dataset.drawn = "error";
  }
  document.documentElement.dataset.firstChart ??= Math.round(performance.now());
}

let queue = [];
let busy = false;

async function work() {
  if (busy) return;
  busy = true;
  while (queue.length) {
    await draw(queue.shift());
    keepPlace();
    await new Promise((done) => setTimeout(done));
  }
  busy = false;
  document.documentElement.dataset.ready = "true";
}

// What is near the window comes first.
const near = new IntersectionObserver((entries) => {
  const seen = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  queue = [...seen.filter((plot) => queue.includes(plot)), ...queue.filter((plot) => !seen.includes(plot))];
}, { rootMargin: "400px" });

function drawAll() {
  queue = [...document.querySelectorAll(".plot")];
  work();
}

async function save(name, kind) {
  const content = read(`content-${name}`);
  if (kind === "csv") return downloadText(`${name}.csv`, csv(content), "text/csv");
  const { view } = views.get(name);
  await view.background(dark.matches ? "#15181c" : "#ffffff").runAsync();
  if (kind === "svg") downloadText(`${name}.svg`, await view.toSVG(), "image/svg+xml");
  else download(`${name}.png`, await view.toImageURL("png", 2));
  return view.background(null).runAsync();
}
