// Bars over time or by kind, drawn as SVG, with the table of the same figures behind them.

import { h, setChildren, setText, svg } from "./dom.js";
import { count } from "./format.js";
import { chartCard, dataTable } from "./parts.js";

const HEIGHT = 210;
const BOTTOM = 28;
const TOP = 10;
const LABEL_ROOM = 8;
const LETTER = 7;
// Wider bars than this would make a slab of a single one.
const WIDEST_GROUP = 72;

/**
 * Return {element, update(groups, about), stop} of a titled chart.
 *
 * *series* are {key, label}; a group is {name, short} with a number under each key: *name* is
 * said and stands in the table, *short* below the bars. *nothing* is shown while all is 0.
 * *more* are columns of the table alone, {label, show(group)}.
 */
export function barChart({ id, title, column, series, nothing, more = [] }) {
  const plot = h("div", { class: "plot", tabindex: 0, role: "img",
    "aria-label": `Bar chart: ${title}. Use the left and right arrow keys to read it, or show it as a table.` });
  const empty = h("p", { class: "empty-line quiet" }, nothing);
  const legend = series.length > 1
    ? h("ul", { class: "legend legend-row" }, series.map(({ key, label }) =>
        h("li", {}, h("span", { class: "swatch", "data-series": key, "aria-hidden": "true" }), label)))
    : null;
  // Says what the bars are; while they are being read, what one group of them holds.
  const note = h("p", { class: "quiet note", "aria-live": "polite" });
  const table = dataTable({ caption: title, columns: [column, ...[...series, ...more].map(({ label }) => label)] });
  const element = chartCard({ title, id, note, chart: h("div", {}, empty, legend, plot), table: table.element });
  let groups = [];
  let about = "";
  let reading = null;
  let drawn = "";

  function update(newGroups, newAbout) {
    groups = newGroups;
    about = newAbout;
    const some = groups.some((group) => series.some(({ key }) => group[key] > 0));
    empty.hidden = some;
    plot.hidden = !some;
    if (legend) legend.hidden = !some;
    table.update(groups.map((group) => [group.name, ...series.map(({ key }) => count(group[key])), ...more.map(({ show }) => show(group))]));
    if (reading !== null && reading >= groups.length) reading = null;
    read(reading);
    draw();
  }

  function draw() {
    const width = plot.clientWidth;
    if (width === 0 || plot.hidden) return;
    const key = JSON.stringify([width, groups, reading]);
    if (key === drawn) return;
    drawn = key;
    setChildren(plot, [drawing(groups, series, width, reading)]);
  }

  function read(index) {
    reading = index;
    const group = groups[index];
    setText(note, group
      ? `${group.name}: ${series.map(({ key, label }) => `${count(group[key])} ${label.toLowerCase()}`).join(", ")}`
      : about);
    draw();
  }

  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const from = reading ?? (step > 0 ? -1 : groups.length);
    read(Math.max(0, Math.min(groups.length - 1, from + step)));
  });
  plot.addEventListener("pointermove", (event) => {
    const place = frame(groups, series, plot.clientWidth);
    const index = Math.floor((event.clientX - plot.getBoundingClientRect().left - place.left) / place.step);
    read(index >= 0 && index < groups.length ? index : null);
  });
  plot.addEventListener("pointerleave", () => read(null));
  plot.addEventListener("blur", () => read(null));
  const resizing = new ResizeObserver(draw);
  resizing.observe(plot);
  return { element, update, stop: () => resizing.disconnect() };
}

/** Where things stand in a drawing of *width* pixels. */
function frame(groups, series, width) {
  const most = Math.max(1, ...groups.flatMap((group) => series.map(({ key }) => group[key])));
  const tick = niceTick(most / 4);
  const top = Math.max(1, Math.ceil(most / tick)) * tick;
  const axis = count(top).length * LETTER + LABEL_ROOM * 2;
  const step = Math.min(Math.max(WIDEST_GROUP, nameRoom(groups)), (width - axis) / Math.max(1, groups.length));
  const left = axis + (width - axis - step * groups.length) / 2;
  return { tick, top, axis, step, left };
}

function drawing(groups, series, width, reading) {
  const place = frame(groups, series, width);
  const y = (value) => HEIGHT - BOTTOM - (value / place.top) * (HEIGHT - BOTTOM - TOP);
  const lines = [];
  for (let value = 0; value <= place.top; value += place.tick) {
    lines.push(
      svg("line", { class: "grid", x1: place.axis, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: place.axis - LABEL_ROOM, y: y(value) + 4, "text-anchor": "end" }, count(value)));
  }
  const bar = Math.max(1, (place.step * 0.78) / series.length);
  const bars = groups.flatMap((group, i) => series.map(({ key }, n) =>
    svg("rect", { class: "bar-part", "data-series": key, "data-read": i === reading,
      x: place.left + i * place.step + place.step * 0.11 + n * bar, y: y(group[key]),
      width: Math.max(0.75, bar * 0.92), height: y(0) - y(group[key]), rx: Math.min(2, bar / 4) })));
  const band = reading === null ? null
    : svg("rect", { class: "reading", x: place.left + reading * place.step, y: TOP, width: place.step, height: HEIGHT - BOTTOM - TOP });
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, width: "100%", "aria-hidden": "true" },
    lines, band, bars, names(groups, place, width));
}

/** The pixels that the longest name below the bars takes. */
function nameRoom(groups) {
  return Math.max(0, ...groups.map(({ short, name }) => (short ?? name).length)) * LETTER + LABEL_ROOM * 2;
}

/** As many names as there is room for, the first always among them. */
function names(groups, place, width) {
  const every = Math.max(1, Math.ceil(nameRoom(groups) / place.step));
  return groups.map(({ short, name }, i) => {
    if (i % every) return null;
    const text = short ?? name;
    const half = (text.length * LETTER) / 2;
    const x = Math.min(Math.max(place.left + (i + 0.5) * place.step, half), width - half);
    return svg("text", { class: "tick", x, y: HEIGHT - 8, "text-anchor": "middle" }, text);
  });
}

/** The next of 1, 2, 5, 10, 20, 50 … from *least* on. */
function niceTick(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? 1;
}
