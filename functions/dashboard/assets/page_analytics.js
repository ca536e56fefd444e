// All campaigns within a time frame: their figures, series and list, live while any of them runs.

import { barChart } from "./chart_bars.js";
import { campaignsTable } from "./campaigns_table.js";
import { saveAs } from "./csv.js";
import { h, setChildren, setText } from "./dom.js";
import { costsCard, failuresCard, figureGroup, figureView } from "./figure_views.js";
import { HEADLINES, SUMMARY } from "./figures.js";
import { filterForm, filtersOf } from "./filters.js";
import { bucketName, clockTime, count, dateTime } from "./format.js";
import { emptyState, notice, skeleton } from "./parts.js";
import { poll } from "./poll.js";

const LIVE_MS = 5_000;
const IDLE_MS = 60_000;
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const LISTING = ["sort", "order", "cursor"];
const PAGE = 25;

/** Show the analytics in *place*; return what stops its polling. */
export function analyticsPage(place, { api, offices, query }) {
  document.title = "Campaign analytics · Carillon";
  let filters = filtersOf(query);
  let listing = Object.fromEntries(LISTING.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
  const trouble = notice();
  const form = filterForm(filters, (changed) => go(changed, { ...listing, cursor: undefined }));
  const content = h("div", {}, skeleton(6));
  const list = campaignsTable({ sort: (sort, order) => go(filters, { sort, order }), page: (cursor) => go(filters, { ...listing, cursor }), save });
  const view = analyticsView(list);
  let shown = false;
  setChildren(place, [
    h("div", { class: "page-head" }, h("h1", {}, "Campaign analytics"), view.counts),
    form.element, trouble.element, content,
  ]);

  /** Ask anew, and keep what was asked in the address: it can be sent to a colleague. */
  function go(newFilters, newListing) {
    filters = newFilters;
    listing = newListing;
    history.pushState(null, "", `#/analytics?${asked({ ...filters, ...listing })}`);
    polling.now();
  }

  async function refresh(signal) {
    try {
      return await follow(signal);
    } catch (error) {
      // What was asked wrongly stays wrong: say it, and wait for another question.
      if (error.status !== 400 && error.status !== 404) throw error;
      if (!shown) setChildren(content, []);
      trouble.show(error.message);
      return IDLE_MS;
    }
  }

  async function follow(signal) {
    const [summary, series, rows, places] = await Promise.all([
      api.get(`analytics/summary?${asked(filters)}`, signal),
      api.get(`analytics/series?${asked(filters)}`, signal),
      api.get(`analytics/campaigns?${asked({ ...filters, ...listing, limit: PAGE })}`, signal),
      offices.load(signal),
    ]);
    trouble.hide();
    form.offices(places);
    if (!shown) setChildren(content, [view.element]);
    shown = true;
    view.update(summary, series);
    list.update(rows, listing, summary.zone);
    return summary.campaigns.active > 0 ? LIVE_MS : IDLE_MS;
  }

  async function save() {
    try {
      saveAs(await api.file(`analytics/campaigns/csv?${asked({ ...filters, ...listing, limit: PAGE })}`), "campaigns.csv");
    } catch (error) {
      trouble.show(error.message);
    }
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

function asked(parameters) {
  return new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined && value !== ""));
}

function analyticsView(list) {
  const counts = h("p", { class: "quiet", id: "campaign-counts" });
  const headlines = HEADLINES.map((figure) => figureView(figure, "number-box"));
  const cards = h("section", { class: "numbers headlines card", "aria-label": "At a glance" },
    h("dl", {}, headlines.map((one) => one.element)));
  const responses = [{ key: "responses", label: "Responses" }];
  const nothing = "No responses within this time frame.";
  const byHour = barChart({ id: "by-hour", title: "Contact responses by hour", column: "Hour", series: responses, nothing });
  const byDay = barChart({ id: "by-day", title: "Contact responses by day", column: "Day", series: responses, nothing });
  const byDate = barChart({ id: "by-date", title: "Contact responses by date", column: "Date", series: responses, nothing });
  const launches = barChart({ id: "launches", title: "Campaigns launched by date", column: "Date",
    series: [{ key: "launches", label: "Launched" }], nothing: "No campaign was launched within this time frame." });
  const charts = [byHour, byDay, byDate, launches];
  const groups = SUMMARY.map((group) => figureGroup(group));
  const failures = failuresCard();
  const costs = costsCard();
  const asOf = h("p", { class: "as-of quiet" });
  let clock = "";

  function update(summary, series) {
    const { zone } = summary;
    setText(counts, `${count(summary.campaigns.active)} active of ${count(summary.campaigns.total)} campaigns in the time frame`);
    for (const one of [...headlines, ...groups]) one.update(summary.metrics);
    byHour.update(series.responses_by_hour.map((amount, hour) => ({ ...hourName(hour), responses: amount })), `Hour of the day, ${zone}`);
    byDay.update(series.responses_by_weekday.map((amount, day) => ({ name: DAYS[day], short: DAYS[day].slice(0, 3), responses: amount })), `Day of the week, ${zone}`);
    byDate.update(series.responses_by_date.map(dated), `By date, ${zone}`);
    launches.update(series.launches_by_date.map(dated), `By date, ${zone}`);
    failures.update(summary.failures);
    costs.update(summary.costs);
    clock = clockTime(summary.as_of, zone);
    setText(asOf, `As of ${clock} · from ${dateTime(summary.from, zone)} to ${dateTime(summary.to, zone)}`);
  }

  const element = h("div", { class: "sections" }, cards,
    h("div", { class: "charts even" }, charts.map((chart) => chart.element)),
    h("div", { class: "groups" }, groups.map((group) => group.element)),
    list.element, failures.element, costs.element, asOf);
  return { element, counts, update, asOf: () => clock, stop: () => charts.forEach((chart) => chart.stop()) };
}

function hourName(hour) {
  const two = String(hour).padStart(2, "0");
  return { name: `${two}:00`, short: two };
}

function dated(group) {
  return { ...group, ...bucketName(group.date, "day") };
}
