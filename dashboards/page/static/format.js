// Values with Grafana's units: the number and its unit apart, so that they can be set apart.

import { stamp } from "./time.js";

const SI = { watt: "W", watth: "Wh", joule: "J", hertz: "Hz", volt: "V", amp: "A" };
const PREFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
];
const SHORT = [
  [1e12, " Tri"],
  [1e9, " Bil"],
  [1e6, " Mil"],
  [1e3, " K"],
  [1, ""],
];
const BYTES = [
  [1e15, "PB"],
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
  [1, "B"],
];
const SECONDS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
];

const chosen = (steps, size) => steps.find(([factor]) => size >= factor * 0.9995) ?? steps.at(-1);

/** The factor and the sign that values up to `size` are shown with. */
function scale(unit, size) {
  size = Math.abs(size);
  const si = SI[unit] ?? (unit?.startsWith("si:") ? unit.slice(3) : null);
  if (si !== null) {
    const [factor, prefix] = size === 0 ? [1, ""] : chosen(PREFIXES, size);
    return [factor, prefix + si];
  }
  switch (unit) {
    case "percentunit":
      return [0.01, "%"];
    case "percent":
      return [1, "%"];
    case "celsius":
      return [1, "°C"];
    case "short": {
      const [factor, sign] = chosen(SHORT, size);
      return [factor, sign.trim()];
    }
    case "bytes":
    case "decbytes":
      return chosen(BYTES, size);
    case "s":
      return size === 0 ? [1, "s"] : chosen(SECONDS, size);
    case "ms":
      return scale("s", size / 1e3).map((part, at) => (at ? part : part * 1e3));
    default:
      return [1, unit?.startsWith("suffix:") ? unit.slice(7) : ""];
  }
}

/** How many decimals make three digits. */
function places(value) {
  const size = Math.abs(value);
  if (size === 0) return 0;
  return size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
}

const figure = (value, decimals) =>
  value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace(/^-/, "−");

const joined = (number, unit) => number + (unit === "" || unit === "%" ? unit : `\u202f${unit}`);

/** `{number, unit, text}` of a value: 3813000 with `watt` is 3.81, MW. */
export function format(value, unit, decimals) {
  if (typeof value !== "number") return { number: String(value), unit: "", text: String(value) };
  if (unit === "dateTimeAsIso") return { number: stamp(value), unit: "", text: stamp(value) };
  if (unit === "none" || unit === "locale" || unit === "string" || !unit) {
    const number = figure(value, decimals ?? (Number.isInteger(value) ? 0 : places(value)));
    return { number, unit: "", text: number };
  }
  const [factor, sign] = scale(unit, value),
    scaled = value / factor;
  const number = figure(scaled, decimals ?? (factor === 1 && Number.isInteger(value) ? 0 : places(scaled)));
  return { number, unit: sign, text: joined(number, sign) };
}

const isWhole = value => Math.abs(value - Math.round(value)) < 1e-6 * Math.max(1, Math.abs(value));

/** A function for the marks of one axis, which share a unit and have just the decimals that tell them apart. */
export function axisFormat(unit, low, high, step) {
  if (unit === "dateTimeAsIso") return stamp;
  const [factor, sign] = scale(unit, Math.max(Math.abs(low), Math.abs(high)));
  const decimals = [0, 1, 2, 3, 4, 5].find(count => isWhole((step / factor) * 10 ** count)) ?? 6;
  return value => (Math.abs(value) < step / 1e6 ? joined("0", sign) : joined(figure(value / factor, decimals), sign));
}

/** Marks of an axis at round values; `around` of them, the first and the last no further out than the range. */
export function marks(low, high, around, unit) {
  const span = high - low || Math.abs(high) || 1;
  const [base] = unit === "s" ? scale(unit, Math.max(Math.abs(low), Math.abs(high))) : [1];
  const rough = span / Math.max(around, 1) / base,
    power = 10 ** Math.floor(Math.log10(rough));
  const round = base === 60 || base === 3600 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const step = round.map(one => one * power).find(one => one >= rough * 0.999) * base;
  const values = [];
  for (let at = Math.ceil(low / step - 1e-9); at <= high / step + 1e-9; at += 1) values.push(at * step);
  return { step, values };
}
