// Figures as boxes, cards and tables, on every page that has some.

import { h, setAttribute, setChildren, setText } from "./dom.js";
import { NUMBERS, OF_LEADS, shown, valueOf } from "./figures.js";
import { count, money } from "./format.js";
import { dataTable } from "./parts.js";

/** The box of eight numbers at the top of a campaign; *explain* as of figureView. */
export function numbersBox(explain) {
  const boxes = NUMBERS.map((figure) => figureView(figure, "number-box", explain));
  const element = h("section", { class: "numbers card", "aria-labelledby": "numbers-title" },
    h("h2", { class: "visually-hidden", id: "numbers-title" }, "The campaign's numbers"),
    h("dl", {}, boxes.map((box) => box.element)));
  return { element, update: (metrics) => boxes.forEach((box) => box.update(metrics)) };
}

/** A card of figures by subject, as figures.js lists them; *explain* as of figureView. */
export function figureGroup({ title, figures }, explain) {
  const views = figures.map((figure) => figureView(figure, "figure", explain));
  const element = h("section", { class: "card figure-group" },
    h("h2", {}, title), h("dl", {}, views.map((view) => view.element)));
  return { element, update: (metrics) => views.forEach((view) => view.update(metrics)) };
}

/**
 * One figure under its words; why it has no value stands below it. With *explain*, a number that
 * counts leads is a button: `explain({figure})` shows the leads behind it.
 */
export function figureView(figure, className, explain) {
  const leads = explain && OF_LEADS.has(figure.key);
  const number = leads
    ? h("button", { type: "button", class: "explain", title: "Show the leads behind this number", on: { click: () => explain({ figure: figure.key }) } })
    : h("span");
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
      if (leads) {
        number.disabled = valueOf(metrics, figure.key) === 0;
        setAttribute(number, "aria-label", `${text} ${figure.label}: show the leads`);
      }
      setText(outOf, whole);
      setText(reason, why ?? "");
      reason.hidden = !why;
    },
  };
}

/** Failures by reason, with what to do about each; `explain({reason})` shows a reason's leads. */
export function failuresCard(explain) {
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
  let drawn = "";
  return {
    element,
    update(failures) {
      // Made anew only when they say something new, so that the focus survives.
      const key = JSON.stringify(failures);
      if (key === drawn) return;
      drawn = key;
      none.hidden = failures.length > 0;
      box.hidden = failures.length === 0;
      setChildren(table, failures.map(({ code, reason, advice, count: leads }) => h("tr", { role: "row" },
        h("th", { scope: "row", role: "rowheader" }, reason), h("td", { role: "cell" }, advice ?? ""),
        h("td", { role: "cell" }, h("code", {}, String(code))),
        h("td", { role: "cell", class: "number" }, explain ? leadsButton(count(leads), reason, () => explain({ reason: code })) : count(leads)))));
    },
  };
}

function leadsButton(text, reason, run) {
  return h("button", { type: "button", class: "explain", title: "Show the leads behind this number",
    "aria-label": `${text} leads failed: ${reason} Show them`, on: { click: run } }, text);
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
