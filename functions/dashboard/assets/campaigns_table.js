// The campaigns launched within the time frame (T5): sorted by the API, paged, saved as CSV, chosen to compare.

import { h, setAttribute, setChildren, setText } from "./dom.js";
import { count, dateTime, percent, words } from "./format.js";

const COLUMNS = [
  { key: "title", label: "Campaign" },
  { key: "launched", label: "Launched" },
  { key: "created_by", label: "Created by" },
  { key: "mode", label: "Mode" },
  { key: "messaged", label: "Messaged", number: true },
  { key: "responded", label: "Responded", number: true },
  { key: "rate", label: "Engagement", number: true },
];
const MOST_COMPARED = 10;

/** *on* has `sort(key, order)`, `page(cursor)` and `save()`. */
export function campaignsTable(on) {
  const headings = COLUMNS.map((column) => heading(column, on));
  const body = h("tbody", { role: "rowgroup" });
  const none = h("p", { class: "quiet" }, "No campaign was launched within this time frame.");
  const box = h("div", { class: "table-box tall", tabindex: 0, role: "region", "aria-labelledby": "list-title" },
    h("table", { class: "data stacked", role: "table" }, h("caption", { class: "visually-hidden" }, "Campaigns launched within the time frame"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        h("th", { scope: "col", role: "columnheader" }, h("span", { class: "visually-hidden" }, "Compare")),
        headings.map((one) => one.element))),
      body));
  const compare = h("a", { class: "button small", hidden: true }, "Compare");
  const save = h("button", { type: "button", class: "button small", on: { click: on.save } }, "Save as CSV");
  const first = h("button", { type: "button", class: "button small", hidden: true, on: { click: () => on.page(undefined) } }, "First page");
  const next = h("button", { type: "button", class: "button small", hidden: true }, "Next page");
  let rest = null;
  next.addEventListener("click", () => on.page(rest));
  const chosen = new Map();
  const element = h("section", { class: "card", id: "campaign-list", "aria-labelledby": "list-title" },
    h("div", { class: "card-head" }, h("h2", { id: "list-title" }, "Campaigns"), h("div", { class: "actions" }, compare, save)),
    none, box, h("div", { class: "pages" }, first, next));

  function choose(id, isChosen) {
    if (isChosen) chosen.set(id, true);
    else chosen.delete(id);
    showCompare();
  }

  function showCompare() {
    const many = chosen.size;
    compare.hidden = many < 2;
    setText(compare, many > MOST_COMPARED ? `Compare the first ${MOST_COMPARED}` : `Compare ${many}`);
    const ids = [...chosen.keys()].slice(0, MOST_COMPARED).join(",");
    setAttribute(compare, "href", `#/comparison?${new URLSearchParams({ campaign_ids: ids })}`);
  }

  let drawn = "";
  function update(answer, listing, zone) {
    rest = answer.next_cursor;
    none.hidden = answer.items.length > 0;
    box.hidden = save.hidden = answer.items.length === 0;
    first.hidden = !listing.cursor;
    next.hidden = !rest;
    const sort = listing.sort ?? "launched";
    const order = listing.order ?? "desc";
    for (const one of headings) one.update(sort, order);
    // The rows are made anew only when they say something new, so that focus and choice survive.
    const key = JSON.stringify([answer.items, zone]);
    if (key === drawn) return;
    drawn = key;
    setChildren(body, answer.items.map((item) => row(item, zone, chosen.has(item.campaign_id), choose)));
  }

  return { element, update };
}

function heading({ key, label, number }, on) {
  let next = "desc";
  const arrow = h("span", { "aria-hidden": "true", class: "arrow" });
  const element = h("th", { scope: "col", role: "columnheader", class: number ? "number" : null },
    h("button", { type: "button", class: "sort", on: { click: () => on.sort(key, next) } }, label, arrow));
  return {
    element,
    update(sort, order) {
      const mine = sort === key;
      next = mine && order === "desc" ? "asc" : "desc";
      setAttribute(element, "aria-sort", mine ? `${order}ending` : null);
      setText(arrow, mine ? { asc: " ▲", desc: " ▼" }[order] : "");
    },
  };
}

function row(item, zone, isChosen, choose) {
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${item.title}` });
  box.checked = isChosen;
  box.addEventListener("change", () => choose(item.campaign_id, box.checked));
  const cells = [dateTime(item.launched_at, zone), item.created_by, words(item.mode),
    count(item.messaged), count(item.responded), percent(item.rate)];
  return h("tr", { role: "row", "data-campaign": item.campaign_id },
    h("td", { role: "cell", class: "choice" }, box),
    h("th", { scope: "row", role: "rowheader" }, h("a", { href: `#/campaigns/${encodeURIComponent(item.campaign_id)}` }, item.title)),
    cells.map((text, i) => h("td", { role: "cell", class: COLUMNS[i + 1].number ? "number" : null, "data-label": COLUMNS[i + 1].label }, text)));
}
