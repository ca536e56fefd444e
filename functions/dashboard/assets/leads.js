// The leads of a campaign, page by page and filtered (T9). Not live: rows must not move under a reader.

import { h, setChildren, setText } from "./dom.js";
import { OF_LEADS } from "./figures.js";
import { NONE, count, dateTime, words } from "./format.js";
import { notice } from "./parts.js";

const STATUSES = ["delivered", "submitted", "failed", "suppressed", "unconfirmed", "partial", "retrying", "claimed", "ambiguous"];
const PAGE = 50;
const COLUMNS = ["Number", "Status", "Sender", "Last action", "Attempts", "Failed reason"];

/**
 * A card that asks for the leads below *path* when it is opened. *zone* is the office's,
 * *senderIds* are the campaign's. `update(failures)` offers their codes as reasons;
 * `explain({figure, reason})` opens the card at the leads that a number counts.
 */
export function leadsCard(api, path, zone, senderIds) {
  const status = h("select", { id: "lead-status" }, h("option", { value: "" }, "Any status"),
    STATUSES.map((key) => h("option", { value: key }, words(key))));
  const sender = h("select", { id: "lead-sender" }, h("option", { value: "" }, "Any sender"),
    senderIds.map((id) => h("option", { value: id }, id)));
  const reason = h("select", { id: "lead-reason" }, h("option", { value: "" }, "Any reason"));
  const figure = h("select", { id: "lead-figure" }, h("option", { value: "" }, "Any number"),
    [...OF_LEADS].map(([key, label]) => h("option", { value: key }, label)));
  const form = h("form", { class: "filter-row" },
    field("lead-figure", "Counted in", figure),
    field("lead-status", "Status", status), field("lead-sender", "Sender", sender), field("lead-reason", "Failed reason", reason),
    h("button", { class: "button" }, "Filter"));
  const trouble = notice();
  const body = h("tbody", { role: "rowgroup" });
  const box = h("div", { class: "table-box tall", tabindex: 0, role: "region", "aria-labelledby": "leads-title", hidden: true },
    h("table", { class: "data stacked", role: "table" }, h("caption", { class: "visually-hidden" }, "Leads of the campaign"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map((name) => h("th", { scope: "col", role: "columnheader" }, name)))),
      body));
  const about = h("p", { class: "quiet note", role: "status" });
  const first = h("button", { type: "button", class: "button small", hidden: true, on: { click: () => load(null) } }, "First page");
  const next = h("button", { type: "button", class: "button small", hidden: true, on: { click: () => load(cursor) } }, "Next page");
  const summary = h("summary", {}, h("h2", { id: "leads-title" }, "Leads"));
  const details = h("details", { class: "card", id: "leads" },
    summary, form, trouble.element, about, box, h("div", { class: "pages" }, first, next));
  let cursor = null;
  let asked = false;
  let turn = 0;

  async function load(from) {
    const mine = (turn += 1);
    const query = new URLSearchParams({ limit: PAGE });
    for (const [name, value] of [["status", status.value], ["sender_id", sender.value], ["reason", reason.value], ["figure", figure.value], ["cursor", from]]) {
      if (value) query.set(name, value);
    }
    setText(about, "Loading…");
    try {
      const answer = await api.get(`${path}/leads?${query}`);
      if (mine === turn) show(answer, from);
    } catch (error) {
      if (mine !== turn) return;
      setText(about, "");
      trouble.show(error.message, { button: "Try again", run: () => load(from) });
    }
  }

  function show({ items, next_cursor: rest, as_of: asOf }, from) {
    trouble.hide();
    cursor = rest;
    first.hidden = !from;
    next.hidden = !rest;
    box.hidden = items.length === 0;
    setChildren(body, items.map((lead) => row(lead, zone)));
    const found = items.length === 0 && rest ? "None found so far: there is more to look through" : `${count(items.length)} on this page`;
    setText(about, `${found}. Leads that still wait are not listed. As of ${dateTime(asOf, zone)}.`);
  }

  function explain({ figure: key = "", reason: code = "" }) {
    status.value = sender.value = "";
    figure.value = key;
    reason.value = code;
    asked = true;
    details.open = true;
    summary.focus();
    details.scrollIntoView();
    load(null);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    load(null);
  });
  details.addEventListener("toggle", () => {
    if (!details.open || asked) return;
    asked = true;
    load(null);
  });
  function update(failures) {
    const known = new Set([...reason.options].map((option) => option.value));
    reason.append(...failures.filter(({ code }) => !known.has(code))
      .map(({ code, reason: text }) => h("option", { value: code }, `${text} (${code})`)));
  }

  return { element: details, update, explain };
}

function field(id, label, input) {
  return h("div", { class: "field" }, h("label", { for: id }, label), input);
}

function row(lead, zone) {
  const state = [words(lead.status), lead.ambiguous && "result unknown", lead.partial && "follow-ups to come"].filter(Boolean).join(", ");
  const why = lead.reason ? `${lead.reason.reason ?? ""} (${lead.reason.code})`.trim() : NONE;
  const cells = [state, lead.sender_id, dateTime(lead.last_action_at, zone), count(lead.attempts)];
  return h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, lead.phone ?? "Erased"),
    cells.map((text, i) => h("td", { role: "cell", "data-label": COLUMNS[i + 1] }, text)),
    h("td", { role: "cell", "data-label": COLUMNS[5] }, why, lead.reason?.advice ? h("span", { class: "reason" }, lead.reason.advice) : null));
}
