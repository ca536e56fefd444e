// Parts that more than one page shows.

import { h, setAttribute, setChildren, setText, svg } from "./dom.js";
import { count, percent, words } from "./format.js";

const HOLDS = {
  quiet_hours: "Waiting for allowed hours",
  daily_limit: "Daily limit reached",
  throttle: "Slowed down by the provider",
  error_rate: "Held: too many errors",
  account: "Held: trouble with the sender's account",
};

/** A campaign's state as a coloured chip; the words carry the meaning, the colour repeats it. */
export function statusChip() {
  const chip = h("span", { class: "chip" });
  return {
    element: chip,
    update(status) {
      setText(chip, words(status));
      setAttribute(chip, "data-status", status);
    },
  };
}

/** Why an active campaign is not sending just now, or "". */
export function holdText(campaign) {
  return campaign.status === "active" ? (HOLDS[campaign.hold_reason] ?? "") : "";
}

/** Sent and failed of a total as one bar, with its figures in words below and *aside* at their end. */
export function progressBar(label, aside = null) {
  const sent = h("div", { class: "progress-part", "data-part": "sent" });
  const failed = h("div", { class: "progress-part", "data-part": "failed" });
  const track = h("div", { class: "progress", role: "progressbar", "aria-label": label,
    "aria-valuemin": 0, "aria-valuemax": 100 }, sent, failed);
  const text = h("span");
  return {
    element: h("div", { class: "progress-block" }, track, h("div", { class: "progress-text" }, text, aside)),
    update(figures) {
      const { settled, progress, total } = figures;
      const share = (part) => (total > 0 ? (100 * part) / total : 0);
      sent.style.width = `${share(figures.sent)}%`;
      failed.style.width = `${share(figures.failed)}%`;
      const failures = figures.failed > 0 ? `, ${count(figures.failed)} failed` : "";
      const words = `${count(settled)} of ${count(total)}${failures}`;
      setText(text, `${percent(progress)} · ${words}`);
      setAttribute(track, "aria-valuenow", Math.floor(progress));
      setAttribute(track, "aria-valuetext", `${percent(progress)}, ${words}`);
    },
  };
}

/** What a bar shows, of a metrics answer; null while the audience is not known. */
export function progressOf(metrics) {
  const value = (key) => metrics[key]?.value ?? 0;
  if (!value("total")) return null;
  const [sent, failed, total] = [value("sent"), value("failed"), value("total")];
  return { sent, failed, total, settled: sent + failed, progress: metrics.progress?.value ?? 0 };
}

/** A band for trouble and news, hidden while it has nothing to say. */
export function notice() {
  const text = h("p");
  const action = h("button", { type: "button", class: "button small", hidden: true });
  const element = h("div", { class: "notice", role: "status", hidden: true }, text, action);
  let onAction = () => {};
  action.addEventListener("click", () => onAction());
  return {
    element,
    show(message, { tone = "trouble", button = "", run = () => {} } = {}) {
      setText(text, message);
      setText(action, button);
      action.hidden = !button;
      onAction = run;
      element.dataset.tone = tone;
      element.hidden = false;
    },
    hide() {
      element.hidden = true;
    },
  };
}

/** A whole page or section with nothing to show, and why. */
export function emptyState(title, text, ...more) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", {}, text), ...more);
}

/** Grey bars in place of what is still loading. */
export function skeleton(lines) {
  const bars = Array.from({ length: lines }, () => h("div", { class: "skeleton", "aria-hidden": "true" }));
  return h("div", { class: "skeletons" }, h("p", { class: "quiet loading" }, "Loading…"), ...bars);
}

/**
 * A titled chart with the table behind it, one shown at a time.
 * *chart* and *table* are elements; *note* is an optional line below the title.
 */
export function chartCard({ title, id, note, chart, table }) {
  const heading = h("h2", { id: `${id}-title` }, title);
  const toggle = h("button", { type: "button", class: "button small quiet-button", "aria-pressed": "false",
    "aria-controls": `${id}-table` }, "Show as table");
  const tableBox = h("div", { class: "table-box", id: `${id}-table`, hidden: true, tabindex: 0,
    role: "region", "aria-labelledby": `${id}-title` }, table);
  const chartBox = h("div", { class: "chart-box" }, chart);
  toggle.addEventListener("click", () => {
    const asTable = tableBox.hidden;
    tableBox.hidden = !asTable;
    chartBox.hidden = asTable;
    setAttribute(toggle, "aria-pressed", String(asTable));
  });
  return h("section", { class: "card chart-card", "aria-labelledby": `${id}-title`, id },
    h("div", { class: "card-head" }, heading, toggle), note ?? null, chartBox, tableBox);
}

/** A table with a caption, column headings and rows of texts; the first cell of a row heads it. */
export function dataTable({ caption, columns }) {
  const body = h("tbody");
  const element = h("table", { class: "data" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, columns.map((name, i) => h("th", { scope: "col", class: i ? "number" : null }, name)))),
    body);
  return {
    element,
    update(rows) {
      setChildren(body, rows.map((cells) => h("tr", {}, cells.map((text, i) =>
        i ? h("td", { class: "number" }, text) : h("th", { scope: "row" }, text)))));
    },
  };
}

/** Ask before something that cannot be undone; resolves to whether the person agreed. */
export function confirmDialog({ title, text, action }) {
  const yes = h("button", { class: "button danger", value: "yes" }, action);
  const no = h("button", { class: "button", value: "no", autofocus: true }, "Cancel");
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
    h("form", { method: "dialog" },
      h("h2", { id: "dialog-title" }, title), h("p", { id: "dialog-text" }, text),
      h("div", { class: "actions" }, no, yes)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** The bell of the brand. */
export function bell() {
  return svg("svg", { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true", class: "bell" },
    svg("path", { fill: "currentColor", d: "M12 2.500a1.700 1.700 0 0 1 1.700 1.700v.3c2.600.8 4.300 3.100 4.300 5.900v3.900l1.800 2.800v1H4.200v-1L6 14.300v-3.900c0-2.800 1.700-5.100 4.300-5.900v-.3A1.700 1.700 0 0 1 12 2.500zM9.600 19.500h4.800a2.400 2.400 0 0 1-4.800 0z" }));
}
