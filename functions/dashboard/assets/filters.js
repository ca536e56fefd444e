// The filters of the analytics (T4): a form, and the same thing as the query of the address.

import { h, setChildren } from "./dom.js";
import { words } from "./format.js";

export const PRESETS = {
  today: "Today", yesterday: "Yesterday", last_7_days: "Last 7 days", last_30_days: "Last 30 days",
  this_week: "This week", this_month: "This month", last_month: "Last month", this_year: "This year", all: "All",
};
export const CUSTOM = "custom";
const STATUSES = ["processing", "active", "paused", "finished", "archived"];
const OPERATORS = ["agent", "assistant"];
// What the address may hold, in the API's own words; the rest of it is not passed on.
const NAMES = ["preset", "from", "to", "zone", "office_id", "campaign_status", "campaign_type", "tags", "operated_by"];

/** The reader's own time zone. */
export function ownZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** The filters that *query* (URLSearchParams) holds, with the reader's zone where it names none. */
export function filtersOf(query) {
  const found = Object.fromEntries(NAMES.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
  if (!found.from && !found.to) found.preset ??= "last_7_days";
  else delete found.preset;
  return { zone: ownZone(), ...found };
}

/** A form for *filters*; *onChange* gets the new ones. `offices(map)` fills in the offices' names. */
export function filterForm(filters, onChange) {
  const preset = select("preset", [...Object.entries(PRESETS), [CUSTOM, "Custom range"]], filters.preset ?? CUSTOM);
  const from = h("input", { type: "date", id: "from", value: (filters.from ?? "").slice(0, 10) });
  const to = h("input", { type: "date", id: "to", value: (filters.to ?? "").slice(0, 10) });
  const zones = h("datalist", { id: "zones" }, ["UTC", ...Intl.supportedValuesOf("timeZone")].map((value) => h("option", { value })));
  const zone = h("input", { type: "text", id: "zone", list: "zones", value: filters.zone, autocomplete: "off", spellcheck: "false" });
  const office = select("office_id", [["", "All offices"]], "");
  const status = select("campaign_status", [["", "Any status"], ...STATUSES.map((key) => [key, words(key)])], filters.campaign_status ?? "");
  const type = h("input", { type: "text", id: "campaign_type", value: filters.campaign_type ?? "", placeholder: "Any, sms, mms", autocomplete: "off" });
  const tags = h("input", { type: "text", id: "tags", value: filters.tags ?? "", placeholder: "Any, or a, b", autocomplete: "off" });
  const operator = select("operated_by", [["", "Anybody"], ...OPERATORS.map((key) => [key, words(key)])], filters.operated_by ?? "");
  const range = [field("from", "From", from), field("to", "To", to)];
  const form = h("form", { class: "card filters", "aria-label": "Filters" },
    field("preset", "Time frame", preset), range, field("zone", "Time zone", zone, zones),
    field("office_id", "Office", office), field("campaign_status", "Status", status),
    field("campaign_type", "Type", type), field("tags", "Tags", tags), field("operated_by", "Operated by", operator),
    h("div", { class: "filter-end" },
      h("button", { type: "button", class: "button small quiet-button", on: { click: () => location.assign("#/analytics") } }, "Clear filters")));

  function showRange() {
    for (const one of range) one.hidden = preset.value !== CUSTOM;
  }

  function changed() {
    showRange();
    if (preset.value === CUSTOM && !from.value && !to.value) return;
    const time = preset.value === CUSTOM ? { from: from.value, to: to.value } : { preset: preset.value };
    const given = { ...time, zone: zone.value.trim(), office_id: office.value, campaign_status: status.value,
      campaign_type: type.value.trim(), tags: tags.value.trim(), operated_by: operator.value };
    onChange(filtersOf(new URLSearchParams(Object.entries(given).filter(([, value]) => value))));
  }

  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    changed();
  });
  showRange();
  return {
    element: form,
    offices(places) {
      if (office.options.length > 1) return;
      setChildren(office, [h("option", { value: "" }, "All offices"),
        ...[...places.values()].map(({ id, name }) => h("option", { value: id }, name))]);
      office.value = filters.office_id ?? "";
    },
  };
}

export function select(id, options, value) {
  const element = h("select", { id }, options.map(([key, label]) => h("option", { value: key }, label)));
  element.value = value;
  return element;
}

export function field(id, label, ...inputs) {
  return h("div", { class: "field" }, h("label", { for: id }, label), inputs);
}
