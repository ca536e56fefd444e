// Activity over time: messages submitted, delivered and received, as bars and as a table.

import { h, setText } from "./dom.js";
import { count, known } from "./format.js";
import { chartCard, dataTable } from "./parts.js";
import { onThemeChange } from "./theme.js";

const SERIES = [
  { key: "submitted", label: "Submitted" },
  { key: "delivered", label: "Delivered" },
  { key: "inbound", label: "Replies" },
];
const QUARTER_MS = 15 * 60_000;
const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
// Fewer groups than this would make a slab of a single bar.
const FEWEST_GROUPS = 6;
const HEIGHT = 210;
const GROUP_WIDTH = 0.78;

/**
 * Return {unit, groups} of the API's quarter-hours (UTC): in *zone*, as long or short as the
 * activity asks for (T2: up to a day hours, under two months days, under two years months, else
 * years). Up to six hours stay in quarters, where one bar an hour would say nothing.
 */
export function grouped(activity, zone) {
  const filled = activity.filter((bucket) => SERIES.some(({ key }) => bucket[key]));
  if (filled.length === 0) return { unit: "quarter", groups: [] };
  const first = Date.parse(filled[0].from);
  const last = Date.parse(filled.at(-1).from) + QUARTER_MS;
  const unit = unitFor(last - first);
  const label = labeller(unit, zone);
  const groups = new Map();
  // Every quarter, also the empty ones: a pause must look like one.
  for (let at = first; at < last; at += QUARTER_MS) {
    const name = label(at);
    if (!groups.has(name)) groups.set(name, { name, submitted: 0, delivered: 0, inbound: 0 });
  }
  for (const bucket of filled) {
    const group = groups.get(label(Date.parse(bucket.from)));
    for (const { key } of SERIES) group[key] += bucket[key] ?? 0;
  }
  return { unit, groups: [...groups.values()] };
}

function unitFor(span) {
  if (span <= 6 * HOUR_MS) return "quarter";
  if (span <= DAY_MS) return "hour";
  if (span < 61 * DAY_MS) return "day";
  return span < 730 * DAY_MS ? "month" : "year";
}

/** Return what names the group that an instant belongs to; names double as axis labels. */
function labeller(unit, zone) {
  const timeZone = known(zone);
  const options = {
    quarter: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    // The offset tells the two hours of an autumn night apart.
    hour: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "shortOffset" },
    day: { year: "numeric", month: "short", day: "numeric" },
    month: { year: "numeric", month: "short" },
    year: { year: "numeric" },
  }[unit];
  const format = new Intl.DateTimeFormat("en-US", { ...options, timeZone });
  const minute = new Intl.DateTimeFormat("en-US", { minute: "numeric", timeZone });
  // Zones with half and quarter hours: go back to the local start of the hour.
  return (at) => format.format(unit === "hour" ? at - Number(minute.format(at)) * 60_000 : at);
}

const UNIT_WORDS = { quarter: "15 minutes", hour: "hour", day: "day", month: "month", year: "year" };

export function activityChart(zone) {
  const canvasBox = h("div", { class: "plot", tabindex: 0, role: "img",
    "aria-label": "Bar chart of activity over time. Use the left and right arrow keys to read it, or show it as a table." });
  const nothing = h("p", { class: "empty-line quiet" }, "No message has been sent yet.");
  const legend = h("ul", { class: "legend legend-row" }, SERIES.map(({ key, label }) =>
    h("li", {}, h("span", { class: "swatch", "data-series": key, "aria-hidden": "true" }), label)));
  // Says what the bars are; while they are being read, what one group of them holds.
  const note = h("p", { class: "quiet note", "aria-live": "polite" });
  let about = "";
  const table = dataTable({ caption: "Messages over time", columns: ["From", ...SERIES.map(({ label }) => label)] });
  const element = chartCard({
    title: "Activity over time", id: "activity", note,
    chart: h("div", {}, nothing, legend, canvasBox), table: table.element,
  });

  let plot = null;
  let shape = "";
  let groups = [];
  // Index of the group that is being read, or null.
  let reading = null;

  function update(activity) {
    const result = grouped(activity, zone);
    groups = result.groups;
    nothing.hidden = groups.length > 0;
    legend.hidden = canvasBox.hidden = groups.length === 0;
    about = groups.length ? `Messages per ${UNIT_WORDS[result.unit]}, ${known(zone) ?? "your time zone"}` : "";
    read(reading);
    table.update(groups.map((group) => [group.name, ...SERIES.map(({ key }) => count(group[key]))]));
    draw();
  }

  function draw() {
    if (groups.length === 0 || canvasBox.clientWidth === 0) return;
    const data = [groups.map((_, i) => i), ...SERIES.map(({ key }) => groups.map((group) => group[key]))];
    const newShape = `${groups.length}|${canvasBox.clientWidth}`;
    if (plot && shape === newShape) return plot.setData(data);
    shape = newShape;
    plot?.destroy();
    plot = new window.uPlot(options(canvasBox, legend, () => groups), data, canvasBox);
    return undefined;
  }

  function redraw() {
    shape = "";
    draw();
  }

  function read(index) {
    reading = index;
    const group = groups[index];
    setText(note, group
      ? `${group.name}: ${SERIES.map(({ key, label }) => `${count(group[key])} ${label.toLowerCase()}`).join(", ")}`
      : about);
  }

  canvasBox.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !plot) return;
    event.preventDefault();
    const from = reading ?? (step > 0 ? -1 : groups.length);
    read(Math.max(0, Math.min(groups.length - 1, from + step)));
    plot.setCursor({ left: plot.valToPos(reading, "x"), top: HEIGHT / 2 }, false);
  });
  canvasBox.addEventListener("pointermove", () => {
    if (plot?.cursor.idx !== null && plot?.cursor.idx !== undefined) read(plot.cursor.idx);
  });
  canvasBox.addEventListener("pointerleave", () => read(null));
  canvasBox.addEventListener("blur", () => read(null));
  const resizing = new ResizeObserver(draw);
  resizing.observe(canvasBox);
  const stopTheme = onThemeChange(redraw);
  return {
    element,
    update,
    stop() {
      resizing.disconnect();
      stopTheme();
      plot?.destroy();
    },
  };
}

/** uPlot's options; colours are read from the page, as a canvas cannot use CSS variables. */
function options(box, legend, groupsNow) {
  const groups = groupsNow().length;
  const colour = (element, property) => getComputedStyle(element)[property];
  const ink = colour(box, "color");
  const line = colour(box, "borderTopColor");
  const swatches = legend.querySelectorAll(".swatch");
  const width = GROUP_WIDTH / SERIES.length;
  const spare = Math.max(0, FEWEST_GROUPS - groups) / 2;
  const axis = { stroke: ink, font: "12px system-ui, sans-serif", ticks: { show: false } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => [-0.5 - spare, groups - 0.5 + spare] },
      y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] },
    },
    axes: [
      { ...axis, size: 30, grid: { show: false }, space: 72, incrs: [1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 96],
        values: (_, splits) => splits.map((i) => groupsNow()[i]?.name ?? "") },
      { ...axis, size: 52, grid: { stroke: line, width: 1 }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5],
        values: (_, splits) => splits.map((value) => count(value)) },
    ],
    series: [
      {},
      ...SERIES.map(({ label }, i) => ({
        label,
        fill: colour(swatches[i], "backgroundColor"),
        width: 0,
        points: { show: false },
        paths: window.uPlot.paths.bars({
          disp: {
            x0: { unit: 1, values: (u) => u.data[0].map((at) => at - GROUP_WIDTH / 2 + i * width) },
            size: { unit: 1, values: () => [width * 0.9] },
          },
        }),
      })),
    ],
  };
}
