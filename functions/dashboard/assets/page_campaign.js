// One campaign: its state and actions, its numbers, its charts, its failures; live while it runs.

import { statusChart } from "./chart_status.js";
import { activityChart } from "./chart_activity.js";
import { announce, h, setChildren, setText } from "./dom.js";
import { costsCard, failuresCard, figureGroup, linksCard, numbersBox } from "./figure_views.js";
import { GROUPS } from "./figures.js";
import { clockTime, count, dateTime, duration, words } from "./format.js";
import { leadsCard } from "./leads.js";
import { confirmDialog, emptyState, holdText, notice, progressBar, progressOf, skeleton, statusChip } from "./parts.js";
import { poll } from "./poll.js";
import { variantsCard } from "./variants.js";

const LIVE = new Set(["processing", "active"]);
const LIVE_MS = 2_000;
const IDLE_MS = 20_000;
const SLOWER_MS = 10_000;
// The page's own actions. Launching and scheduling belong to the editor, which is not this page.
const ACTIONS = {
  pause: { label: "Pause", done: "Paused." },
  resume: { label: "Resume", done: "Resumed.", primary: true },
  end: { label: "End campaign", done: "Ended.", danger: true },
};
// As in the permission table; the API decides, this only leaves out what it would refuse.
const MAY_ACT = new Set(["admin", "manager"]);
const MAY_SEE_FIGURES = new Set(["admin", "manager", "analyst"]);
const END_QUESTION = {
  title: "End this campaign?",
  text: "Leads that have not been messaged yet never will be. What was sent stays, and replies still arrive. This cannot be undone.",
  action: "End campaign",
};

/** Show campaign *id* in *place*; return what stops its polling. */
export function campaignPage(place, { api, offices, me, id }) {
  document.title = "Campaign · Carillon";
  const trouble = notice();
  const content = h("div", {}, skeleton(6));
  setChildren(place, [
    h("p", { class: "crumb" }, h("a", { href: "#/campaigns" }, "Campaigns")),
    trouble.element, content,
  ]);
  const path = `campaigns/${encodeURIComponent(id)}`;
  let view = null;
  let slow = { answers: null, dueAt: 0 };

  async function refresh(signal) {
    const [campaign, places] = await Promise.all([api.get(path, signal), offices.load(signal)]);
    const office = places.get(campaign.office_id);
    const answers = MAY_SEE_FIGURES.has(me.role) ? await figuresOf(office?.timezone ?? "UTC", signal) : null;
    if (!view) {
      view = campaignView(office, MAY_ACT.has(me.role), act, leadsCard(api, path, office?.timezone, campaign.sender_ids));
      setChildren(content, [view.element]);
    }
    trouble.hide();
    view.update(campaign, answers);
    return LIVE.has(campaign.status) ? LIVE_MS : IDLE_MS;
  }

  async function figuresOf(zone, signal) {
    const [metrics, slower] = await Promise.all([api.get(`${path}/metrics`, signal), slowerOf(zone, signal)]);
    return { metrics, ...slower };
  }

  /** What takes more reads and moves less, and is asked for less often. */
  async function slowerOf(zone, signal) {
    if (slow.answers && Date.now() < slow.dueAt) return slow.answers;
    const [activity, variants] = await Promise.all([
      api.get(`${path}/activity?${new URLSearchParams({ zone })}`, signal),
      api.get(`${path}/variants`, signal),
    ]);
    slow = { answers: { activity, variants }, dueAt: Date.now() + SLOWER_MS };
    return slow.answers;
  }

  async function act(action) {
    if (action === "end" && !(await confirmDialog(END_QUESTION))) return;
    view.busy(true);
    try {
      await api.post(`${path}/${action}`);
      announce(ACTIONS[action].done);
      await polling.now();
    } catch (error) {
      await polling.now();
      trouble.show(error.message);
    } finally {
      view.busy(false);
    }
  }

  const polling = poll(refresh, (error, wait) => {
    if (error.status === 404 || error.status === 403) {
      polling.stop();
      setChildren(content, [gone(error)]);
      return;
    }
    if (!view) setChildren(content, []);
    const stale = view ? ` The figures below are from ${view.asOf()}.` : "";
    trouble.show(`${error.message}${stale} Trying again in ${Math.round(wait / 1000)} s.`,
      { button: "Try now", run: () => polling.now() });
  });

  return () => {
    polling.stop();
    view?.stop();
  };
}

function gone(error) {
  const back = h("p", {}, h("a", { class: "button", href: "#/campaigns" }, "Back to the campaigns"));
  return error.status === 404
    ? emptyState("No such campaign", "It does not exist, or it belongs to an office that is not yours.", back)
    : emptyState("Not allowed", "Your role does not let you see this campaign.", back);
}

function campaignView(office, mayAct, act, leads) {
  const zone = office?.timezone;
  const head = heading(office, mayAct, act);
  const progress = progressSection();
  const numbers = numbersBox(leads.explain);
  const status = statusChart();
  const activity = activityChart();
  const groups = GROUPS.map((group) => figureGroup(group, leads.explain));
  const failures = failuresCard(leads.explain);
  const links = linksCard();
  const costs = costsCard();
  const variants = variantsCard();
  const asOf = h("p", { class: "as-of quiet" });
  const noFigures = emptyState("No figures for your role", "Ask an administrator if you need them.");
  let clock = "";
  let first = true;

  function update(campaign, answers) {
    document.title = `${campaign.title} · Carillon`;
    head.update(campaign);
    setChildren(body, answers ? figures : [noFigures]);
    if (answers) updateFigures(campaign, answers);
  }

  function updateFigures(campaign, { metrics: answer, activity: over, variants: compared }) {
    progress.update(campaign, answer);
    numbers.update(answer.metrics);
    status.update(answer.metrics);
    activity.update(over);
    variants.update(compared);
    links.update(answer.links);
    costs.update(answer.costs);
    for (const group of groups) group.update(answer.metrics);
    failures.update(answer.failures);
    leads.update(answer.failures);
    clock = clockTime(answer.as_of, zone);
    setText(asOf, `As of ${clock}${recountText(answer.recount, zone)}`);
    if (first) first = false;
    else progress.announceChanges(campaign, answer);
  }

  const figures = [
    progress.element, numbers.element,
    h("div", { class: "charts" }, status.element, activity.element),
    h("div", { class: "groups" }, groups.map((group) => group.element)),
    variants.element, failures.element, links.element, costs.element, leads.element, asOf,
  ];
  const body = h("div", { class: "sections" });
  const element = h("article", { "aria-labelledby": "campaign-title" }, head.element, body);
  return { element, update, busy: head.busy, asOf: () => clock, stop: activity.stop };
}

function recountText(recount, zone) {
  // A busy recount proved nothing yet.
  if (!recount || recount.state === "busy") return "";
  const drift = recount.drift ? `${count(recount.drift)} corrected` : "no difference";
  return ` · recounted ${dateTime(recount.at, zone)}: ${drift}`;
}

function heading(office, mayAct, act) {
  const title = h("h1", { id: "campaign-title" });
  const chip = statusChip();
  const hold = h("span", { class: "hold" });
  const facts = h("dl", { class: "facts" });
  const buttons = Object.fromEntries(Object.entries(ACTIONS).map(([action, { label, primary, danger }]) => [
    action,
    h("button", { type: "button", class: ["button", primary && "primary", danger && "danger-text"].filter(Boolean).join(" "),
      hidden: true, on: { click: () => act(action) } }, label),
  ]));
  const element = h("header", { class: "page-head" },
    h("div", {}, h("div", { class: "title-line" }, title, chip.element, hold), facts),
    h("div", { class: "actions", role: "group", "aria-label": "Actions" }, Object.values(buttons)));

  function update(campaign) {
    setText(title, campaign.title);
    chip.update(campaign.status);
    setText(hold, holdText(campaign));
    setFacts(facts, factsOf(campaign, office));
    for (const [action, button] of Object.entries(buttons)) {
      const allowed = mayAct && campaign.allowed_actions.includes(action);
      // A button that vanishes under the finger must not take the focus along.
      if (!allowed && document.activeElement === button) document.getElementById("content").focus();
      button.hidden = !allowed;
    }
  }

  function busy(isBusy) {
    for (const button of Object.values(buttons)) button.disabled = isBusy;
  }

  return { element, update, busy };
}

function factsOf(campaign, office) {
  const zone = office?.timezone;
  const senders = campaign.sender_ids.length;
  return [
    ["Office", office?.name ?? campaign.office_id],
    campaign.launched_at ? ["Launched", dateTime(campaign.launched_at, zone)] : null,
    !campaign.launched_at && campaign.schedule_at ? ["Due", dateTime(campaign.schedule_at, zone)] : null,
    !campaign.launched_at ? ["Created", dateTime(campaign.created_at, zone)] : null,
    campaign.finished_at ? ["Finished", dateTime(campaign.finished_at, zone)] : null,
    ["Operated by", words(campaign.operated_by)],
    ["Senders", count(senders)],
    campaign.tags.length ? ["Tags", campaign.tags.join(", ")] : null,
    campaign.launch_error ? ["Last launch", campaign.launch_error] : null,
  ].filter(Boolean);
}

function setFacts(list, facts) {
  const key = JSON.stringify(facts);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  setChildren(list, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** The bar with speed and time left; speaks up at every tenth and at each change of state. */
function progressSection() {
  const speed = h("span", { class: "quiet" });
  const bar = progressBar("Progress of the campaign", speed);
  const empty = h("p", { class: "quiet" });
  const element = h("section", { class: "card progress-card", "aria-label": "Progress" }, bar.element, empty);
  const samples = [];
  let spoken = "";

  function update(campaign, answer) {
    const figures = progressOf(answer.metrics);
    bar.element.hidden = !figures;
    empty.hidden = Boolean(figures);
    setText(empty, campaign.status === "processing" ? "Preparing the audience…" : "Nothing has been sent yet.");
    if (figures) bar.update(figures);
    setText(speed, campaign.status === "active" && figures ? speedText(samples, figures) : "");
    if (!spoken) spoken = spokenState(campaign, figures);
  }

  function announceChanges(campaign, answer) {
    const now = spokenState(campaign, progressOf(answer.metrics));
    if (now !== spoken) announce(now);
    spoken = now;
  }

  return { element, update, announceChanges };
}

function spokenState(campaign, figures) {
  const tenth = figures ? Math.floor(figures.progress / 10) * 10 : 0;
  return `${words(campaign.status)}, ${tenth}% done`;
}

/** "24 a second, about 45 s left" from the last half minute; empty until it can be told. */
function speedText(samples, { settled, total }) {
  const now = performance.now();
  samples.push({ at: now, settled });
  while (samples.length > 2 && now - samples[0].at > 30_000) samples.shift();
  const seconds = (now - samples[0].at) / 1000;
  const rate = seconds > 1 ? (settled - samples[0].settled) / seconds : 0;
  if (rate <= 0) return "";
  const perSecond = rate >= 10 ? count(rate) : rate.toFixed(1);
  const left = settled < total ? `, about ${duration((total - settled) / rate)} left` : "";
  return `${perSecond} a second${left}`;
}
