// The figures A1–A15 of a campaign: in which box, under which words, in which form.

import { NONE, count, duration, percent, words } from "./format.js";

const HEALTH = { high: "High (over 95%)", moderate: "Moderate (80–95%)", low: "Low (under 80%)" };
const health = (band) => HEALTH[band] ?? words(String(band));

/** The numbers box: the eight figures at the top of a campaign, in the field's own words. */
export const NUMBERS = [
  { key: "initials_sent", label: "Initials sent", outOf: "total" },
  { key: "segments", label: "Segments" },
  { key: "replies", label: "Replies" },
  { key: "reply_pct", label: "Reply %", show: percent },
  { key: "contacts_per_sender", label: "Contacts per sender" },
  { key: "auto_opt_outs", label: "Auto opt-outs" },
  { key: "manual_opt_outs", label: "Manual opt-outs" },
  { key: "total_opt_outs", label: "Total opt-outs" },
];

/** The other figures, by subject. */
export const GROUPS = [
  {
    title: "Engagement",
    figures: [
      { key: "contacts_messaged", label: "Contacts messaged" },
      { key: "unique_contacts_messaged", label: "Unique contacts messaged" },
      { key: "contacts_submitted", label: "Contacts submitted" },
      { key: "contacts_responded", label: "Contacts responded" },
      { key: "rate_of_engagement", label: "Rate of engagement", show: percent },
      { key: "replies_non_opt_out", label: "Replies without opt-outs" },
      { key: "reply_pct_of_total", label: "Reply % of all leads", show: percent },
      { key: "conversions", label: "Conversions" },
      { key: "conversion_rate", label: "Conversion rate", show: percent },
      { key: "contacts_clicked", label: "Contacts who clicked", optional: true },
      { key: "click_rate", label: "Click rate", show: percent, optional: true },
    ],
  },
  {
    title: "Responses",
    figures: [
      { key: "total_contact_responses", label: "Total contact responses" },
      { key: "total_agent_responses", label: "Total agent responses" },
      { key: "total_assistant_responses", label: "Total virtual assistant responses" },
      { key: "median_agent_response_time", label: "Median agent response time", show: duration },
      { key: "p90_agent_response_time", label: "90% answered within", show: duration, optional: true },
      { key: "p95_agent_response_time", label: "95% answered within", show: duration, optional: true },
    ],
  },
  {
    title: "Delivery",
    figures: [
      { key: "send_total", label: "Initials that have ended" },
      { key: "send_succeeded", label: "Succeeded" },
      { key: "send_failed", label: "Did not succeed" },
      { key: "sent", label: "Sent" },
      { key: "failed", label: "Failed" },
      { key: "pending", label: "Pending" },
      { key: "partial", label: "Partial" },
      { key: "total", label: "Total" },
      { key: "progress", label: "Progress", show: percent },
      { key: "delivery_rate", label: "Delivery rate", show: percent },
      { key: "health", label: "Delivery health", show: health },
      { key: "messages", label: "Messages of all kinds" },
    ],
  },
];

/** The figures of many campaigns within a time frame, by subject. */
export const SUMMARY = [
  {
    title: "Engagement",
    figures: [
      { key: "contacts_messaged", label: "Contacts messaged" },
      { key: "unique_contacts_messaged", label: "Unique contacts messaged" },
      { key: "contacts_submitted", label: "Contacts submitted" },
      { key: "contacts_responded", label: "Contacts responded" },
      { key: "rate_of_engagement", label: "Rate of engagement", show: percent },
      { key: "replies_non_opt_out", label: "Responded without opting out" },
      { key: "conversions", label: "Conversions" },
      { key: "conversion_rate", label: "Conversion rate", show: percent },
      { key: "contacts_clicked", label: "Contacts who clicked", optional: true },
      { key: "click_rate", label: "Click rate", show: percent, optional: true },
    ],
  },
  {
    title: "Responses",
    figures: [
      { key: "total_contact_responses", label: "Total contact responses" },
      { key: "total_agent_responses", label: "Total agent responses" },
      { key: "total_assistant_responses", label: "Total virtual assistant responses" },
      { key: "median_agent_response_time", label: "Median agent response time", show: duration },
      { key: "p90_agent_response_time", label: "90% answered within", show: duration },
      { key: "p95_agent_response_time", label: "95% answered within", show: duration },
      { key: "auto_opt_outs", label: "Auto opt-outs" },
      { key: "manual_opt_outs", label: "Manual opt-outs" },
      { key: "total_opt_outs", label: "Total opt-outs" },
    ],
  },
  {
    title: "Delivery",
    figures: [
      { key: "send_total", label: "Initials that have ended" },
      { key: "send_succeeded", label: "Succeeded" },
      { key: "send_failed", label: "Failed" },
      { key: "delivery_rate", label: "Delivery rate", show: percent },
      { key: "health", label: "Delivery health", show: health },
      { key: "messages", label: "Messages of all kinds" },
      { key: "segments", label: "Segments" },
    ],
  },
];

/**
 * The figures whose leads the API lists, each by the figure's own formula, under the words of a choice.
 * Pending leads have no row yet, so "pending" and "total" are not among them.
 */
export const OF_LEADS = new Map([...NUMBERS, ...GROUPS.flatMap((group) => group.figures)]
  .filter(({ key }) => [
    "contacts_messaged", "contacts_submitted", "contacts_responded", "auto_opt_outs", "manual_opt_outs", "total_opt_outs",
    "initials_sent", "replies", "replies_non_opt_out", "sent", "failed", "partial", "contacts_clicked", "conversions",
    "send_total", "send_succeeded", "send_failed",
  ].includes(key)).map(({ key, label }) => [key, label]));

/** The figures that an analyst looks at first. */
export const HEADLINES = [
  { key: "contacts_messaged", label: "Contacts messaged" },
  { key: "contacts_responded", label: "Contacts responded" },
  { key: "rate_of_engagement", label: "Rate of engagement", show: percent },
  { key: "total_opt_outs", label: "Campaign opt-outs" },
  { key: "delivery_rate", label: "Delivery rate", show: percent },
  { key: "median_agent_response_time", label: "Median agent response", show: duration },
];

/** Return {text, outOf, reason} of one figure of *metrics*; a null value is "–" and says why. */
export function shown(metrics, figure) {
  const metric = metrics[figure.key];
  if (metric === undefined) return { text: NONE, outOf: "", reason: "Not reported yet." };
  if (metric.value === null) return { text: NONE, outOf: "", reason: metric.reason ?? "No data yet." };
  const text = (figure.show ?? count)(metric.value);
  const whole = figure.outOf && metrics[figure.outOf]?.value;
  return { text, outOf: typeof whole === "number" ? ` of ${count(whole)}` : "", reason: metric.reason };
}

/** The value of a figure, 0 where there is none: for bars and charts. */
export function valueOf(metrics, key) {
  return metrics[key]?.value ?? 0;
}
