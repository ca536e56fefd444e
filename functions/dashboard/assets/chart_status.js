// Send status: where the leads of a campaign stand, as a ring with its legend, and as a table.

import { h, setText, svg } from "./dom.js";
import { count, percent } from "./format.js";
import { valueOf } from "./figures.js";
import { chartCard, dataTable } from "./parts.js";

const PARTS = [
  { key: "sent", label: "Sent" },
  { key: "failed", label: "Failed" },
  { key: "pending", label: "Pending" },
  { key: "partial", label: "Partial" },
];
const RADIUS = 54;
const AROUND = 2 * Math.PI * RADIUS;

export function statusChart() {
  const arcs = PARTS.map(({ key }) => svg("circle", { class: "ring-part", "data-part": key, cx: 70, cy: 70, r: RADIUS,
    fill: "none", "stroke-width": 18, transform: "rotate(-90 70 70)" }));
  const total = h("strong");
  const numbers = PARTS.map(() => h("span", { class: "number" }));
  const shares = PARTS.map(() => h("span", { class: "number quiet" }));
  const ring = svg("svg", { viewBox: "0 0 140 140", "aria-hidden": "true" },
    svg("circle", { class: "ring-track", cx: 70, cy: 70, r: RADIUS, fill: "none", "stroke-width": 18 }), arcs);
  const legend = h("ul", { class: "legend" }, PARTS.map(({ key, label }, i) =>
    h("li", {}, h("span", { class: "swatch", "data-part": key, "aria-hidden": "true" }), label, numbers[i], shares[i])));
  const table = dataTable({ caption: "Leads by send status", columns: ["Status", "Leads", "Share"] });
  const element = chartCard({
    title: "Send status",
    id: "send-status",
    chart: h("div", { class: "ring-box" },
      h("div", { class: "ring" }, ring, h("div", { class: "ring-middle" }, total, h("span", { class: "quiet" }, "leads"))),
      legend),
    table: table.element,
  });
  return {
    element,
    update(metrics) {
      const all = valueOf(metrics, "total");
      setText(total, count(all));
      const values = PARTS.map(({ key }) => valueOf(metrics, key));
      const texts = values.map((value) => percent(all ? (100 * value) / all : 0));
      drawRing(arcs, values, all);
      values.forEach((value, i) => {
        setText(numbers[i], count(value));
        setText(shares[i], texts[i]);
      });
      table.update([
        ...PARTS.map(({ label }, i) => [label, count(values[i]), texts[i]]),
        ["Total", count(all), all ? "100%" : "0%"],
      ]);
    },
  };
}

function drawRing(arcs, values, total) {
  let before = 0;
  arcs.forEach((arc, i) => {
    const length = total ? (AROUND * values[i]) / total : 0;
    arc.setAttribute("stroke-dasharray", `${length} ${AROUND - length}`);
    arc.setAttribute("stroke-dashoffset", -before);
    arc.setAttribute("visibility", length > 0 ? "visible" : "hidden");
    before += length;
  });
}
