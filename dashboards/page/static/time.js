// Time ranges as Grafana writes them: now, now-6h, now/d, epoch milliseconds, or a date. All times are UTC.

const UNITS_MS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

export const PRESETS = [
  ["now-5m", "Last 5 minutes"],
  ["now-15m", "Last 15 minutes"],
  ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last hour"],
  ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"],
  ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"],
  ["now-2d", "Last 2 days"],
  ["now-7d", "Last 7 days"],
  ["now-30d", "Last 30 days"],
];

export const REFRESHES = ["", "5s", "10s", "30s", "1m", "5m", "15m"];

/** Milliseconds of `10s`, `5m`, `1h`, `2d`; null for anything else. */
export function duration(text) {
  const match = /^(\d+)([smhdw])$/.exec(text ?? "");
  return match ? Number(match[1]) * UNITS_MS[match[2]] : null;
}

/** Epoch milliseconds of a text, or NaN. A rounded end is that of the day: `now/d` as `to` is midnight to come. */
export function parse(text, now, isEnd = false) {
  text = String(text).trim();
  const match = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([dwMy]))?$/.exec(text);
  if (!match) {
    if (/^\d{9,}$/.test(text)) return Number(text);
    const date = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?Z?$/.exec(text);
    return date ? Date.parse(`${date[1]}T${date[2] ?? "00:00"}Z`) : Date.parse(text);
  }
  let at = new Date(now);
  for (const [, sign, count, unit] of match[1].matchAll(/([+-])(\d+)([smhdwMy])/g)) {
    const by = Number(sign + count);
    if (unit === "M") at.setUTCMonth(at.getUTCMonth() + by);
    else if (unit === "y") at.setUTCFullYear(at.getUTCFullYear() + by);
    else at = new Date(at.getTime() + by * UNITS_MS[unit]);
  }
  return match[2] ? rounded(at, match[2], isEnd) : at.getTime();
}

function rounded(at, unit, isEnd) {
  let [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  if (unit === "w") day -= (at.getUTCDay() + 6) % 7;
  if (unit === "M" || unit === "y") day = 1;
  if (unit === "y") month = 0;
  if (!isEnd) return Date.UTC(year, month, day);
  const past = { d: [0, 0, 1], w: [0, 0, 7], M: [0, 1, 0], y: [1, 0, 0] }[unit];
  return Date.UTC(year + past[0], month + past[1], day + past[2]) - 1;
}

export const isRelative = text => String(text).startsWith("now");

/** `2026-11-24 10:31:05`, of epoch milliseconds. */
export const stamp = ms => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

/** What a range is called. */
export function described(from, to, now) {
  const preset = to === "now" && PRESETS.find(([text]) => text === from);
  if (preset) return preset[1];
  if (isRelative(from) && to === "now") return `${from} to now`;
  const [begin, end] = [parse(from, now), parse(to, now, true)].map(ms => stamp(ms).replace(/:00$/, ""));
  return `${begin} to ${begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}
