// Numbers, times and durations as people read them. The page is in English, so its formats are too.

export const NONE = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

export function count(value) {
  return whole.format(value);
}

export function percent(value) {
  return `${oneDecimal.format(value)}%`;
}

/** *seconds* as "45 s", "2 min 05 s" or "1 h 04 min". */
export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} min`;
}

/** An ISO instant as date and time with the zone's name; *zone* is IANA, the reader's if absent. */
export function dateTime(iso, zone) {
  return new Intl.DateTimeFormat("en-US", {
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short", timeZone: known(zone),
  }).format(new Date(iso));
}

/** An ISO instant as the time of day, to the second, with the zone's name. */
export function clockTime(iso, zone) {
  return new Intl.DateTimeFormat("en-US", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    timeZoneName: "short", timeZone: known(zone),
  }).format(new Date(iso));
}

/**
 * {name, short} of a local date, month, year or hour as the API writes it: "2026-11-01",
 * "2026-11", "2026", "2026-11-01T01:00-04:00". The wall clock is in the text, no zone is needed.
 */
export function bucketName(text, granularity) {
  const date = text.length < 10 ? `${text}-01-01`.slice(0, 10) : text.slice(0, 10);
  const at = new Date(`${date}T${text.slice(11, 16) || "00:00"}Z`);
  const format = (options) => new Intl.DateTimeFormat("en-US", { ...options, timeZone: "UTC" }).format(at);
  if (granularity === "year") return { name: text, short: text };
  if (granularity === "month") return { name: format({ year: "numeric", month: "short" }), short: format({ year: "2-digit", month: "short" }) };
  const day = format({ month: "short", day: "numeric" });
  if (granularity === "day") return { name: format({ weekday: "short", year: "numeric", month: "short", day: "numeric" }), short: day };
  // The offset tells the two hours of an autumn night apart.
  return { name: `${day}, ${text.slice(11, 16)} (UTC${text.slice(16)})`, short: text.slice(11, 16) };
}

/** Millionths of a currency as an amount: 1_250_000 USD is "$1.25". */
export function money(micros, currency) {
  return new Intl.NumberFormat("en-US", { style: "currency", currency, maximumFractionDigits: 4 }).format(micros / 1e6);
}

/** A zone this browser knows, or undefined (the reader's own), so that a new zone never breaks a page. */
export function known(zone) {
  if (!zone) return undefined;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return zone;
  } catch {
    return undefined;
  }
}

/** "opted_out" as "Opted out": the last resort for words the page does not know. */
export function words(key) {
  const text = key.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function pad(value) {
  return String(value).padStart(2, "0");
}
