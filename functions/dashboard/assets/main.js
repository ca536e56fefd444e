// Start: read the configuration, then show the page that the address asks for.

import { Api, Problem } from "./api.js";
import { h, setChildren } from "./dom.js";
import { analyticsPage } from "./page_analytics.js";
import { campaignPage } from "./page_campaign.js";
import { campaignsPage } from "./page_campaigns.js";
import { comparisonPage } from "./page_comparison.js";
import { signInPage } from "./page_sign_in.js";
import { usagePage } from "./page_usage.js";
import { bell, emptyState } from "./parts.js";
import { Session } from "./session.js";
import { currentTheme, cycleTheme } from "./theme.js";

// As in the permission table; the API decides, this only leaves out what it would refuse.
const MAY_SEE_FIGURES = new Set(["admin", "manager", "analyst"]);
const PAGES = { "/campaigns": "Campaigns", "/analytics": "Analytics", "/comparison": "Compare", "/usage": "Usage" };
const place = document.getElementById("content");
const bar = document.getElementById("bar");
let leave = () => {};

async function start() {
  let config;
  try {
    const response = await fetch("config.json");
    if (!response.ok) throw new Problem(response.status, "", "");
    config = await response.json();
  } catch {
    failed("The service cannot be reached", "The dashboard could not read its configuration.", start);
    return;
  }
  run(config);
}

function run(config) {
  const session = new Session(config);
  let me = null;
  let offices = null;
  let message = "";
  let turn = 0;

  const api = new Api(session, () => {
    message = "Your session has ended. Sign in again.";
    forget();
    show();
  });

  function forget() {
    me = null;
    offices = officeNames(api);
  }

  async function show() {
    // A later call overtakes one that is still waiting for an answer.
    const mine = (turn += 1);
    leave();
    leave = () => {};
    drawBar(config, session, me, signOut);
    if (!session.signedIn) return signIn();
    try {
      me ??= await api.get("me");
    } catch (error) {
      if (error.status === 401 || mine !== turn) return undefined;
      return failed(error.status === 403 ? "Not allowed" : "The service cannot be reached", error.message, show);
    }
    if (mine !== turn) return undefined;
    drawBar(config, session, me, signOut);
    leave = open();
    return undefined;
  }

  function open() {
    const { path, query } = route();
    const one = path.match(/^\/campaigns\/([^/]+)$/);
    if (one) return campaignPage(place, { api, offices, me, id: decodeURIComponent(one[1]) });
    if (path === "/analytics") return analyticsPage(place, { api, offices, query });
    if (path === "/comparison") return comparisonPage(place, { api, query });
    if (path === "/usage") return usagePage(place, { api, offices, query });
    if (path && path !== "/" && path !== "/campaigns") return nowhere();
    return campaignsPage(place, { api, offices, me, query });
  }

  function nowhere() {
    document.title = "No such page · Carillon";
    setChildren(place, [emptyState("No such page", "The address may be mistyped, or from an earlier version.",
      h("p", {}, h("a", { class: "button", href: "#/campaigns" }, "To the campaigns")))]);
    return () => {};
  }

  function signIn() {
    signInPage(place, { session, organisation: config.organisation, message, onDone: show });
    message = "";
  }

  function signOut() {
    session.signOut();
    message = "You are signed out.";
    forget();
    show();
  }

  forget();
  // The address after # is the route, so the skip link moves the focus by itself.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    place.focus();
  });
  addEventListener("hashchange", () => {
    show().then(() => {
      place.focus();
      scrollTo(0, 0);
    });
  });
  show();
}

/** The page that the address names after its #, and the query of it. */
function route() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { path, query: new URLSearchParams(query) };
}

/** Offices by id, asked for until they are known; without them, ids stand for names. */
function officeNames(api) {
  let known = null;
  return {
    async load(signal) {
      if (known) return known;
      try {
        const answer = await api.get("offices", signal);
        known = new Map(answer.items.map((office) => [office.id, office]));
      } catch (error) {
        if (error.status === 401 || signal.aborted) throw error;
        if (error.status === 403) known = new Map();
      }
      return known ?? new Map();
    },
  };
}

function drawBar(config, session, me, signOut) {
  const theme = h("button", { type: "button", class: "button small quiet-button", on: { click: changeTheme } }, themeLabel());
  function changeTheme() {
    cycleTheme();
    theme.textContent = themeLabel();
  }
  const person = session.signedIn
    ? [
        h("span", { class: "person" }, session.email, me ? h("span", { class: "quiet" }, ` · ${me.role}`) : null),
        h("button", { type: "button", class: "button small quiet-button", on: { click: signOut } }, "Sign out"),
      ]
    : [];
  setChildren(bar, [
    h("a", { class: "brand", href: "#/campaigns" }, bell(), h("span", {}, "Carillon"),
      h("span", { class: "organisation" }, config.organisation)),
    me && MAY_SEE_FIGURES.has(me.role) ? pageLinks() : null,
    h("div", { class: "bar-end" }, theme, person),
  ].filter(Boolean));
}

function pageLinks() {
  const { path } = route();
  const current = Object.keys(PAGES).find((page) => path.startsWith(page)) ?? "/campaigns";
  return h("nav", { class: "page-links", "aria-label": "Pages of the dashboard" }, Object.entries(PAGES).map(([page, label]) =>
    h("a", { href: `#${page}`, "aria-current": page === current ? "page" : null }, label)));
}

function themeLabel() {
  return { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[currentTheme()];
}

function failed(title, text, again) {
  setChildren(place, [
    emptyState(title, text, h("p", {}, h("button", { type: "button", class: "button", on: { click: again } }, "Try again"))),
  ]);
}

start();
