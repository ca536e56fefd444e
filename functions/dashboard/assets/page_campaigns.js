// The campaigns of one tab, page by page, with live progress.

import { h, setChildren, setText } from "./dom.js";
import { NONE, dateTime } from "./format.js";
import { emptyState, holdText, notice, progressBar, progressOf, skeleton, statusChip } from "./parts.js";
import { poll } from "./poll.js";

const TABS = { active: "Active", scheduled: "Scheduled", draft: "Draft", archived: "Archived" };
const EMPTY = {
  active: ["Nothing is running", "Campaigns that are sending, paused or finished appear here."],
  scheduled: ["Nothing is scheduled", "Campaigns with a date in the future appear here."],
  draft: ["No drafts", "Campaigns that are still being written appear here."],
  archived: ["The archive is empty", "Discarded and stopped campaigns appear here."],
};
// As in the permission table; the API decides, this only leaves out what it would refuse.
const MAY_SEE_FIGURES = new Set(["admin", "manager", "analyst"]);
const LIVE = new Set(["processing", "active"]);
const MEASURED = new Set(["active", "paused", "finished", "archived"]);
const LIVE_MS = 2_000;
const IDLE_MS = 20_000;
const PAGE = 25;
// Requests for figures under way at once: a page of rows must not crowd out the list itself.
const AT_ONCE = 4;

/** Show the list in *place*; return what stops its polling. */
export function campaignsPage(place, { api, offices, me, query }) {
  const tab = TABS[query.get("tab")] ? query.get("tab") : "active";
  const cursor = query.get("cursor");
  document.title = `${TABS[tab]} campaigns · Carillon`;

  const trouble = notice();
  const content = h("div", {}, skeleton(4));
  const pages = h("nav", { class: "pages", "aria-label": "Pages", hidden: true });
  setChildren(place, [
    h("div", { class: "page-head" }, h("h1", {}, "Campaigns")),
    tabs(tab), trouble.element, content, pages,
  ]);
  const table = campaignTable(TABS[tab]);
  const rows = new Map();
  // When the figures of a campaign are worth asking for again, by its id.
  const dueAt = new Map();

  async function refresh(signal) {
    const parameters = new URLSearchParams({ tab, limit: PAGE });
    if (cursor) parameters.set("cursor", cursor);
    const [answer, places] = await Promise.all([api.get(`campaigns?${parameters}`, signal), offices.load(signal)]);
    trouble.hide();
    show(answer, places);
    await loadFigures(answer.items, signal);
    return answer.items.some((campaign) => LIVE.has(campaign.status)) ? LIVE_MS : IDLE_MS;
  }

  function show(answer, places) {
    if (answer.items.length === 0) setChildren(content, [emptyState(...EMPTY[tab])]);
    else {
      const shown = answer.items.map((campaign) => {
        const row = rows.get(campaign.id) ?? campaignRow(campaign.id);
        rows.set(campaign.id, row);
        row.update(campaign, places.get(campaign.office_id));
        return row.element;
      });
      setChildren(table.body, shown);
      setChildren(content, [table.element]);
    }
    showPages(answer.next_cursor);
  }

  function showPages(next) {
    const first = cursor ? h("a", { class: "button", href: `#/campaigns?tab=${tab}` }, "First page") : null;
    const more = next
      ? h("a", { class: "button", href: `#/campaigns?tab=${tab}&cursor=${encodeURIComponent(next)}` }, "Next page")
      : null;
    const key = `${cursor}|${next}`;
    if (pages.dataset.key === key) return;
    pages.dataset.key = key;
    pages.hidden = !first && !more;
    setChildren(pages, [first, more].filter(Boolean));
  }

  async function loadFigures(campaigns, signal) {
    if (!MAY_SEE_FIGURES.has(me.role)) return;
    const waiting = campaigns.filter((campaign) =>
      MEASURED.has(campaign.status) && campaign.launched_at && Date.now() >= (dueAt.get(campaign.id) ?? 0));
    const worker = async () => {
      for (let campaign = waiting.shift(); campaign; campaign = waiting.shift()) {
        await loadOne(campaign, signal);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async function loadOne(campaign, signal) {
    try {
      const answer = await api.get(`campaigns/${campaign.id}/metrics`, signal);
      rows.get(campaign.id)?.progress(progressOf(answer.metrics));
      dueAt.set(campaign.id, Date.now() + (LIVE.has(campaign.status) ? 0 : IDLE_MS));
    } catch (error) {
      if (error.status === 401 || signal.aborted) throw error;
      // One campaign without figures must not take the list away; the next round asks again.
    }
  }

  const polling = poll(refresh, (error, wait) => {
    if (error.status === 403) {
      polling.stop();
      setChildren(content, [emptyState("Not allowed", error.message)]);
      return;
    }
    if (rows.size === 0 && content.querySelector(".skeletons")) setChildren(content, []);
    trouble.show(`${error.message} Trying again in ${Math.round(wait / 1000)} s.`,
      { button: "Try now", run: () => polling.now() });
  });
  return polling.stop;
}

function tabs(current) {
  return h("nav", { class: "tabs", "aria-label": "Campaigns by state" },
    Object.entries(TABS).map(([key, label]) =>
      h("a", { href: `#/campaigns?tab=${key}`, "aria-current": key === current ? "page" : null }, label)));
}

function campaignTable(label) {
  const columns = ["Title", "Status", "Progress", "Launched", "Office"];
  const body = h("tbody", { role: "rowgroup" });
  const element = h("table", { class: "campaigns card", role: "table" },
    h("caption", { class: "visually-hidden" }, `${label} campaigns`),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      columns.map((name) => h("th", { scope: "col", role: "columnheader" }, name)))),
    body);
  return { element, body };
}

function campaignRow(id) {
  const link = h("a", { href: `#/campaigns/${encodeURIComponent(id)}` });
  const chip = statusChip();
  const hold = h("span", { class: "hold" });
  const bar = progressBar("Progress");
  const waiting = h("span", { class: "quiet" }, NONE);
  const progressCell = h("td", { role: "cell", class: "progress-cell" }, waiting);
  const launched = h("td", { role: "cell", "data-label": "Launched" });
  const office = h("td", { role: "cell", "data-label": "Office" });
  const element = h("tr", { role: "row", "data-campaign": id },
    h("th", { scope: "row", role: "rowheader" }, link),
    h("td", { role: "cell" }, chip.element, hold),
    progressCell, launched, office);
  return {
    element,
    update(campaign, place) {
      setText(link, campaign.title);
      chip.update(campaign.status);
      setText(hold, holdText(campaign));
      setText(waiting, campaign.status === "processing" ? "Preparing the audience…" : NONE);
      setText(launched, launchText(campaign, place?.timezone));
      setText(office, place?.name ?? campaign.office_id);
    },
    progress(figures) {
      if (figures) bar.update(figures);
      setChildren(progressCell, [figures ? bar.element : waiting]);
    },
  };
}

function launchText(campaign, zone) {
  if (campaign.launched_at) return dateTime(campaign.launched_at, zone);
  if (campaign.schedule_at) return `Due ${dateTime(campaign.schedule_at, zone)}`;
  return campaign.status === "processing" ? "Starting…" : "Not launched";
}
