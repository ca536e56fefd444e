// What the organisation has used (T8): messages and segments by period, sender, office and channel.

import { barChart } from "./chart_bars.js";
import { csvLines, saveAs } from "./csv.js";
import { h, setChildren, setText } from "./dom.js";
import { CUSTOM, PRESETS, field, select } from "./filters.js";
import { NONE, clockTime, count, dateTime, money, words } from "./format.js";
import { emptyState, notice, skeleton } from "./parts.js";
import { poll } from "./poll.js";
import { MOST_PARTS, partsOf } from "./usage_periods.js";

const IDLE_MS = 60_000;
// Requests for the parts of the period under way at once.
const AT_ONCE = 4;
const SHORT = 12;
const USED = [{ key: "messages", label: "Messages" }, { key: "segments", label: "Segments" }];
const NOTHING = "Nothing was sent within this period.";

/** Show the usage in *place*; return what stops its polling. */
export function usagePage(place, { api, offices, query }) {
  document.title = "Usage · Carillon";
  const trouble = notice();
  let frame = askedIn(query);
  const form = periodForm(frame, (asked) => {
    frame = asked;
    history.pushState(null, "", `#/usage?${new URLSearchParams(asked)}`);
    polling.now();
  });
  const content = h("div", {}, skeleton(6));
  const save = h("button", { type: "button", class: "button", hidden: true,
    on: { click: () => saveAs(new Blob([csvLines(view.rows())], { type: "text/csv" }), "usage.csv") } }, "Save as CSV");
  const view = usageView();
  let shown = false;
  // What parts of a period held that are over; the last day's are asked for again.
  const known = new Map();
  setChildren(place, [
    h("div", { class: "page-head" }, h("h1", {}, "Usage"), save), form.element, trouble.element, content,
  ]);

  async function refresh(signal) {
    try {
      return await follow(signal);
    } catch (error) {
      // What was asked wrongly stays wrong: say it, and wait for another question.
      if (error.status !== 400) throw error;
      if (!shown) setChildren(content, []);
      trouble.show(error.message);
      return IDLE_MS;
    }
  }

  async function follow(signal) {
    const [answer, places] = await Promise.all([
      api.get(`analytics/usage?${new URLSearchParams(frame)}`, signal), offices.load(signal),
    ]);
    const parts = await usedIn(partsOf(answer.from, answer.to), answer.as_of, signal);
    trouble.hide();
    if (!shown) setChildren(content, [view.element]);
    shown = true;
    save.hidden = false;
    view.update(answer, parts, places);
    return IDLE_MS;
  }

  async function usedIn(parts, asOf, signal) {
    const waiting = parts.filter((part) => !known.has(part.from + part.to));
    const found = new Map(known);
    const worker = async () => {
      for (let part = waiting.shift(); part; part = waiting.shift()) {
        const { total } = await api.get(`analytics/usage?${new URLSearchParams({ from: part.from, to: part.to })}`, signal);
        found.set(part.from + part.to, total);
        if (part.to < asOf.slice(0, 10)) known.set(part.from + part.to, total);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return parts.map((part) => ({ ...part, ...found.get(part.from + part.to) }));
  }

  const polling = poll(refresh, (error, wait) => {
    if (!shown) setChildren(content, []);
    if (error.status === 403) {
      polling.stop();
      setChildren(content, [emptyState("Not allowed", error.message)]);
      return;
    }
    const stale = shown ? ` The figures below are from ${view.asOf()}.` : "";
    trouble.show(`${error.message}${stale} Trying again in ${Math.round(wait / 1000)} s.`, { button: "Try now", run: () => polling.now() });
  });
  return () => {
    polling.stop();
    view.stop();
  };
}

/** The period that the address asks for, in the API's own words. */
function askedIn(query) {
  const range = Object.fromEntries(["from", "to"].filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
  return Object.keys(range).length ? range : { preset: query.get("preset") ?? "last_30_days" };
}

function periodForm(asked, onChange) {
  const preset = select("preset", [...Object.entries(PRESETS), [CUSTOM, "Custom range"]], asked.preset ?? CUSTOM);
  const from = h("input", { type: "date", id: "from", value: asked.from ?? "" });
  const to = h("input", { type: "date", id: "to", value: asked.to ?? "" });
  const range = [field("from", "From", from), field("to", "To", to)];
  const form = h("form", { class: "card filters", "aria-label": "Which days" }, field("preset", "Period", preset), range,
    h("p", { class: "quiet note filter-end" }, "Whole days in UTC, as providers bill them."));

  function showRange() {
    for (const one of range) one.hidden = preset.value !== CUSTOM;
  }

  form.addEventListener("change", () => {
    showRange();
    const isCustom = preset.value === CUSTOM;
    if (isCustom && (!from.value || !to.value)) return;
    onChange(isCustom ? { from: from.value, to: to.value } : { preset: preset.value });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  showRange();
  return { element: form };
}

function usageView() {
  const totals = [...USED.map(({ label }) => label), "Cost"].map((label) => {
    const value = h("span", { class: "value" });
    return { value, element: h("div", { class: "number-box", "data-total": label.toLowerCase() }, h("dt", {}, label), h("dd", {}, value)) };
  });
  const cost = { label: "Cost", show: (group) => costText(group.costs) };
  const chart = (id, title, column, more = []) => barChart({ id, title, column, series: USED, nothing: NOTHING, more });
  const byPeriod = chart("by-period", "By period", "Period", [cost]);
  const bySender = chart("by-sender", "By sender", "Sender");
  const byOffice = chart("by-office", "By office", "Office", [cost]);
  const byChannel = chart("by-channel", "By channel", "Channel");
  const charts = [byPeriod, bySender, byOffice, byChannel];
  const asOf = h("p", { class: "as-of quiet" });
  let rows = [];
  let clock = "";

  function update(answer, parts, places) {
    const officeName = (id) => places.get(id)?.name ?? id;
    const senders = mostFirst(answer.by_sender.map((one) => ({ ...one, ...named(`${one.name}, ${officeName(one.office_id)}`, one.name) })));
    const ofOffices = mostFirst(answer.by_office.map((one) => ({ ...one, ...named(officeName(one.office_id)) })));
    const channels = answer.by_channel.map((one) => ({ ...one, ...named(one.channel.toUpperCase()) }));
    setText(totals[0].value, count(answer.total.messages));
    setText(totals[1].value, count(answer.total.segments));
    setText(totals[2].value, costText(answer.total.costs));
    byPeriod.update(parts, parts.length === MOST_PARTS ? `At most the latest ${MOST_PARTS} parts of the period, UTC` : "UTC");
    bySender.update(senders, "What each sender's provider accepted");
    byOffice.update(ofOffices, "What the campaigns of each office sent");
    byChannel.update(channels, "Pictures have no segments");
    rows = csvRows(answer, { parts, senders, offices: ofOffices, channels });
    clock = clockTime(answer.as_of, "UTC");
    setText(asOf, `As of ${clock} · from ${dateTime(answer.from, "UTC")} to ${dateTime(answer.to, "UTC")} · costs as far as providers' receipts tell prices`);
  }

  const element = h("div", { class: "sections" },
    h("section", { class: "numbers headlines card", "aria-label": "At a glance" }, h("dl", { class: "three" }, totals.map((one) => one.element))),
    byPeriod.element,
    h("div", { class: "charts thirds" }, bySender.element, byOffice.element, byChannel.element), asOf);
  return { element, update, rows: () => rows, asOf: () => clock, stop: () => charts.forEach((one) => one.stop()) };
}

function named(name, label = name) {
  return { name, short: label.length > SHORT ? `${label.slice(0, SHORT - 1)}…` : label };
}

function mostFirst(groups) {
  return groups.toSorted((one, other) => other.messages - one.messages);
}

function costText(costs) {
  return costs.length ? costs.map(({ currency, cost_micros: micros }) => money(micros, currency)).join(" + ") : NONE;
}

/** All that the page shows, as one table: what the row is of, its id and words, and its figures. */
function csvRows(answer, { parts, senders, offices, channels }) {
  const line = (of, id, name, used) => [of, id, name, used.messages, used.segments,
    (used.costs ?? []).map(({ currency, cost_micros: micros }) => `${currency} ${(micros / 1e6).toFixed(6)}`).join(" ")];
  return [
    ["by", "id", "name", "messages", "segments", "cost"],
    line("total", `${answer.from.slice(0, 10)}/${parts.at(-1).to}`, words(answer.preset ?? CUSTOM), answer.total),
    ...parts.map((one) => line("period", `${one.from}/${one.to}`, one.name, one)),
    ...senders.map((one) => line("sender", one.sender_id, one.name, one)),
    ...offices.map((one) => line("office", one.office_id, one.name, one)),
    ...channels.map((one) => line("channel", one.channel, one.name, one)),
  ];
}
