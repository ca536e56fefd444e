// Campaigns side by side: who delivers, is answered and converts best, and how sure that is (T6).

import { h, setChildren, setText } from "./dom.js";
import { clockTime, words } from "./format.js";
import { emptyState, notice } from "./parts.js";
import { poll } from "./poll.js";
import { ratesTable } from "./verdicts.js";

const LIVE = new Set(["processing", "active"]);
const LIVE_MS = 5_000;
const IDLE_MS = 60_000;
const LISTED = 200;
const MOST = 10;

/** Show the comparison in *place*; return what stops its polling. */
export function comparisonPage(place, { api, query }) {
  document.title = "Comparison · Carillon";
  let ids = (query.get("campaign_ids") ?? "").split(",").filter(Boolean);
  const trouble = notice();
  const table = ratesTable({ caption: "Rates of the campaigns over their whole lives", first: "Campaign" });
  const asOf = h("p", { class: "as-of quiet" });
  const result = h("section", { class: "card", id: "comparison", "aria-label": "Comparison" }, table.element, asOf);
  const none = emptyState("Nothing to compare yet", `Choose two to ${MOST} campaigns.`);
  const content = h("div", {});
  const picker = campaignPicker((chosen) => {
    ids = chosen;
    history.pushState(null, "", `#/comparison?${new URLSearchParams({ campaign_ids: ids.join(",") })}`);
    polling.now();
  });
  setChildren(place, [
    h("div", { class: "page-head" }, h("h1", {}, "Comparison")),
    trouble.element, h("div", { class: "sections" }, content, picker.element),
  ]);

  async function refresh(signal) {
    try {
      return await follow(signal);
    } catch (error) {
      // A campaign that is not there stays so: say it, and wait for another choice.
      if (error.status !== 400 && error.status !== 404) throw error;
      setChildren(content, []);
      trouble.show(error.message);
      return IDLE_MS;
    }
  }

  async function follow(signal) {
    if (!picker.filled) {
      picker.fill((await api.get(`analytics/campaigns?preset=all&limit=${LISTED}`, signal)).items, ids);
    }
    if (ids.length < 2) {
      setChildren(content, [none]);
      trouble.hide();
      return IDLE_MS;
    }
    const answer = await api.get(`analytics/comparison?${new URLSearchParams({ campaign_ids: ids.join(",") })}`, signal);
    trouble.hide();
    table.update(answer.campaigns.map((one) => ({ ...one, id: one.campaign_id, name: one.title,
      href: `#/campaigns/${encodeURIComponent(one.campaign_id)}` })), answer);
    setText(asOf, `As of ${clockTime(answer.as_of)} · a difference counts as shown from ${100 - answer.test.alpha * 100}% confidence on, corrected for ${answer.campaigns.length} campaigns (${answer.test.correction})`);
    setChildren(content, [result]);
    return answer.campaigns.some((one) => LIVE.has(one.status)) ? LIVE_MS : IDLE_MS;
  }

  const polling = poll(refresh, (error, wait) => {
    if (error.status === 403) {
      polling.stop();
      setChildren(content, [emptyState("Not allowed", error.message)]);
      return;
    }
    trouble.show(`${error.message} Trying again in ${Math.round(wait / 1000)} s.`, { button: "Try now", run: () => polling.now() });
  });
  return polling.stop;
}

/** Boxes to tick, narrowed by typing; the eleventh cannot be ticked. */
function campaignPicker(onChange) {
  const search = h("input", { type: "search", id: "find", autocomplete: "off" });
  const list = h("ul", { class: "choices" });
  const element = h("section", { class: "card", "aria-labelledby": "choose-title" },
    h("h2", { id: "choose-title" }, "Choose campaigns"),
    h("div", { class: "field" }, h("label", { for: "find" }, "Find by title"), search), list);
  const boxes = new Map();
  const chosen = () => [...boxes].filter(([, one]) => one.input.checked).map(([id]) => id);

  function limit() {
    const isFull = chosen().length >= MOST;
    for (const { input } of boxes.values()) input.disabled = isFull && !input.checked;
  }

  search.addEventListener("input", () => {
    const text = search.value.trim().toLowerCase();
    for (const { item, title } of boxes.values()) item.hidden = !title.toLowerCase().includes(text);
  });
  const picker = {
    element,
    filled: false,
    fill(campaigns, ids) {
      for (const { campaign_id: id, title, status } of campaigns) {
        const input = h("input", { type: "checkbox", on: { change: () => { limit(); onChange(chosen()); } } });
        input.checked = ids.includes(id);
        const item = h("li", {}, h("label", {}, input, h("span", {}, title), h("span", { class: "quiet" }, words(status))));
        boxes.set(id, { input, item, title });
      }
      setChildren(list, [...boxes.values()].map((one) => one.item));
      limit();
      picker.filled = true;
    },
  };
  return picker;
}
