// What a comparison allows to say, in words, and a table of rates with the best ones marked.

import { h, setChildren } from "./dom.js";
import { NONE, count, percent } from "./format.js";

export const RATES = [
  { key: "delivery_rate", label: "Delivery" },
  { key: "response_rate", label: "Response" },
  { key: "conversion_rate", label: "Conversion" },
];

/** One sentence on the rate *label*; *named* turns the winner's id into its name. */
export function verdictText(label, { verdict, winner, confidence_pct: confidence }, named) {
  if (verdict === "winner") return `${label}: ${named(winner)} is ahead, with ${sureness(confidence)} confidence.`;
  if (verdict === "no_difference_shown") return `${label}: no difference shown. What is seen may be chance.`;
  return `${label}: too few to tell.`;
}

/** Nothing is ever 100% sure, though a number with one decimal may read so. */
function sureness(confidence) {
  return confidence >= 99.9 ? "over 99.9%" : percent(confidence);
}

/**
 * A table of rates, *counts* ({key, label}) before them. `update(rows, answer)`: a row is
 * {id, name, href}, a count under each key and the three rates; *answer* has a comparison of each.
 */
export function ratesTable({ caption, first, counts = [] }) {
  const body = h("tbody", { role: "rowgroup" });
  const columns = [...counts, ...RATES];
  // The roles keep it a table to a screen reader where a phone shows it as blocks.
  const heads = [first, ...columns.map(({ label }) => label)];
  const verdicts = h("ul", { class: "verdicts" });
  const table = h("table", { class: counts.length ? "data rates stacked" : "data rates few", role: "table" },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((label, i) =>
      h("th", { scope: "col", role: "columnheader", class: i ? "number" : null }, label)))),
    body);
  const element = h("div", {}, verdicts,
    h("div", { class: "table-box tall", tabindex: 0, role: "region", "aria-label": caption }, table));

  function update(rows, answer) {
    const name = new Map(rows.map((row) => [row.id, row.name]));
    setChildren(verdicts, RATES.map(({ key, label }) =>
      h("li", { "data-rate": key, "data-verdict": answer[key].verdict }, verdictText(label, answer[key], (id) => name.get(id) ?? id))));
    setChildren(body, rows.map((row) => h("tr", { role: "row", "data-row": row.id },
      h("th", { scope: "row", role: "rowheader" }, row.href ? h("a", { href: row.href }, row.name) : row.name),
      counts.map(({ key, label }) => h("td", { role: "cell", class: "number", "data-label": label }, count(row[key]))),
      RATES.map(({ key, label }) => rateCell(label, row[key], answer[key].winner === row.id)))));
  }

  return { element, update };
}

function rateCell(label, value, wins) {
  const bar = value === null ? null : h("span", { class: "rate-bar", "aria-hidden": "true" });
  if (bar) bar.style.setProperty("--share", `${Math.min(100, value)}%`);
  return h("td", { role: "cell", class: "number rate", "data-label": label, "data-wins": wins },
    h("span", { class: "rate-text" }, value === null ? NONE : percent(value)),
    wins ? h("span", { class: "wins" }, "Best") : null, bar);
}
