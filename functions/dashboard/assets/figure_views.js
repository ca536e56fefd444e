// Figures as boxes, cards and tables, on every page that has some.

import { h, setChildren, setText } from "./dom.js";
import { NUMBERS, shown } from "./figures.js";
import { count, money } from "./format.js";
import { dataTable } from "./parts.js";

/** The box of eight numbers at the top of a campaign. */
export function numbersBox() {
  const boxes = NUMBERS.map((figure) => figureView(figure, "number-box"));
  const element = h("section", { class: "numbers card", "aria-labelledby": "numbers-title" },
    h("h2", { class: "visually-hidden", id: "numbers-title" }, "The campaign's numbers"),
    h("dl", {}, boxes.map((box) => box.element)));
  return { element, update: (metrics) => boxes.forEach((box) => box.update(metrics)) };
}

/** A card of figures by subject, as figures.js lists them. */
export function figureGroup({ title, figures }) {
  const views = figures.map((figure) => figureView(figure, "figure"));
  const element = h("section", { class: "card figure-group" },
    h("h2", {}, title), h("dl", {}, views.map((view) => view.element)));
  return { element, update: (metrics) => views.forEach((view) => view.update(metrics)) };
}

/** One figure under its words; why it has no value stands below it. */
export function figureView(figure, className) {
  const number = h("span");
  const outOf = h("span", { class: "out-of" });
  const value = h("span", { class: "value" }, number, outOf);
  const reason = h("span", { class: "reason" });
  const element = h("div", { class: className, "data-metric": figure.key },
    h("dt", {}, figure.label), h("dd", {}, value, reason));
  return {
    element,
    update(metrics) {
      const { text, outOf: whole, reason: why } = shown(metrics, figure);
      element.hidden = Boolean(figure.optional) && !metrics[figure.key];
      setText(number, text);
      setText(outOf, whole);
      setText(reason, why ?? "");
      reason.hidden = !why;
    },
  };
}

/** Failures by reason, with what to do about each. */
export function failuresCard() {
  const table = h("tbody", { role: "rowgroup" });
  const none = h("p", { class: "quiet" }, "No failures.");
  const box = h("div", { class: "table-box tall", tabindex: 0, role: "region", "aria-labelledby": "failures-title" },
    h("table", { class: "data failures", role: "table" },
      h("caption", { class: "visually-hidden" }, "Failures by reason"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        ["Reason", "What to do", "Code"].map((name) => h("th", { scope: "col", role: "columnheader" }, name)),
        h("th", { scope: "col", role: "columnheader", class: "number" }, "Leads"))),
      table));
  const element = h("section", { class: "card", "aria-labelledby": "failures-title" },
    h("h2", { id: "failures-title" }, "Failures"), none, box);
  return {
    element,
    update(failures) {
      none.hidden = failures.length > 0;
      box.hidden = failures.length === 0;
      setChildren(table, failures.map(({ code, reason, advice, count: leads }) => h("tr", { role: "row" },
        h("th", { scope: "row", role: "rowheader" }, reason), h("td", { role: "cell" }, advice ?? ""),
        h("td", { role: "cell" }, h("code", {}, String(code))),
        h("td", { role: "cell", class: "number" }, count(leads)))));
    },
  };
}

/** What receipts have told of prices, by currency; nothing while none has told any. */
export function costsCard() {
  const table = dataTable({ caption: "As far as providers' receipts tell prices", columns: ["Currency", "Cost"] });
  const element = h("section", { class: "card", "aria-labelledby": "costs-title", hidden: true },
    h("h2", { id: "costs-title" }, "Cost"), h("div", { class: "table-box" }, table.element));
  return {
    element,
    update(costs) {
      element.hidden = costs.length === 0;
      table.update(costs.map(({ currency, cost_micros: micros }) => [currency, money(micros, currency)]));
    },
  };
}

/** How often each short link was opened, by people and by machines. */
export function linksCard() {
  const table = dataTable({ caption: "Opened by people, and by scanners and previews", columns: ["Link", "Clicks", "By machines"] });
  const element = h("section", { class: "card", "aria-labelledby": "links-title", hidden: true },
    h("h2", { id: "links-title" }, "Clicks"), h("div", { class: "table-box" }, table.element));
  return {
    element,
    update(links) {
      element.hidden = links.length === 0;
      table.update(links.map((link) => [`${link.name} (${link.url})`, count(link.clicks), count(link.machine_clicks)]));
    },
  };
}
