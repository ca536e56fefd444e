// A time frame of usage in parts: days, weeks from its first day, or calendar months.

import { bucketName } from "./format.js";

const DAY_MS = 86_400_000;
// Each part is a question to the API, so there are never more of them than these.
export const MOST_PARTS = 12;

/** Return the parts of the whole UTC days from *from* to *to* (excluded), the latest ones when there are too many. */
export function partsOf(from, to) {
  const first = Date.parse(from.slice(0, 10));
  const end = Date.parse(to.slice(0, 10));
  const days = Math.round((end - first) / DAY_MS);
  const starts = days <= MOST_PARTS ? stepped(first, end, 1) : days <= 7 * MOST_PARTS ? stepped(first, end, 7) : months(first, end);
  return starts.map((start, i) => part(start, (starts[i + 1] ?? end) - DAY_MS, days)).slice(-MOST_PARTS);
}

function stepped(first, end, days) {
  const starts = [];
  for (let start = first; start < end; start += days * DAY_MS) starts.push(start);
  return starts;
}

function months(first, end) {
  const starts = [first];
  for (let at = nextMonth(first); at < end; at = nextMonth(at)) starts.push(at);
  return starts;
}

function nextMonth(at) {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

function part(start, last, days) {
  const [from, to] = [iso(start), iso(last)];
  const [begin, finish] = [bucketName(from, "day"), bucketName(to, "day")];
  if (days > 7 * MOST_PARTS) return { from, to, name: `${begin.name} to ${finish.name}`, short: bucketName(from.slice(0, 7), "month").short };
  return from === to ? { from, to, ...begin } : { from, to, name: `${begin.name} to ${finish.name}`, short: begin.short };
}

function iso(at) {
  return new Date(at).toISOString().slice(0, 10);
}
