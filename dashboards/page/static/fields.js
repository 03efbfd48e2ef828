// How fields are shown: a panel's defaults, its overrides by name, thresholds, mappings and colors, as in Grafana.

import { byName, byPlace, named } from "./colors.js";
import { format } from "./format.js";

/** Give every field `title`, `config`, `custom` and, where it is a value, `color`. */
export function configured(fields, { defaults = {}, overrides = [] } = {}) {
  const oneLabel = singleLabel(fields);
  let place = 0;
  return fields.map(field => {
    const called = { ...field, title: titled(field, defaults, oneLabel) };
    const config = { ...defaults, custom: { ...defaults.custom } };
    for (const { matcher, properties } of overrides)
      if (matches(matcher, called)) for (const { id, value } of properties) set(config, id, value);
    const shown = { ...called, config, custom: config.custom };
    if (config.displayName) shown.title = interpolated(config.displayName, shown);
    if (field.type === "number") shown.color = seriesColor(shown, place++);
    return shown;
  });
}

function set(config, id, value) {
  if (id.startsWith("custom.")) config.custom[id.slice(7)] = value;
  else config[id] = value;
}

function matches({ id, options }, field) {
  switch (id) {
    case "byName":
      return options === field.name || options === field.title;
    case "byRegexp":
      return new RegExp(options.replace(/^\/|\/$/g, "")).test(field.title);
    case "byType":
      return options === field.type;
    default:
      return false;
  }
}

function singleLabel(fields) {
  const names = new Set(fields.flatMap(field => Object.keys(field.labels ?? {})));
  return names.size === 1 ? [...names][0] : null;
}

function titled(field, { displayName }, oneLabel) {
  if (displayName) return interpolated(displayName, field);
  if (!field.labels) return field.name;
  const labels = oneLabel
    ? field.labels[oneLabel]
    : `{${Object.entries(field.labels)
        .map(([name, value]) => `${name}="${value}"`)
        .join(", ")}}`;
  return `${field.name} ${labels}`;
}

function interpolated(text, field) {
  return text.replace(/\$\{__field\.(?:labels\.(\w+)|labels|name|displayName)\}/g, (whole, label) =>
    label ? (field.labels?.[label] ?? field.name) : field.name,
  );
}

function seriesColor(field, place) {
  const { mode = "palette-classic", fixedColor } = field.config.color ?? {};
  if (mode === "fixed") return named(fixedColor);
  if (mode === "palette-classic-by-name") return byName(field.title);
  return mode === "thresholds" ? null : byPlace(place);
}

/** The color of one value: of its threshold where the field goes by these, else that of the field. */
export function colorOf(field, value) {
  return field.color ?? named(thresholdOf(field, value)?.color ?? "text");
}

/** The threshold that a value has reached. */
export function thresholdOf({ config }, value) {
  const steps = config.thresholds?.steps ?? [];
  return value === null ? steps[0] : steps.findLast(step => step.value === null || value >= step.value);
}

/** `{number, unit, text, color}` of one value; color only where a mapping says so. */
export function shown(field, value) {
  const { mappings = [], unit, decimals, noValue } = field.config;
  for (const { type, options } of mappings) {
    const hit =
      type === "value"
        ? options[String(value)]
        : type === "range"
          ? value !== null &&
            value >= (options.from ?? -Infinity) &&
            value <= (options.to ?? Infinity) &&
            options.result
          : type === "special" && value === null && ["null", "null+nan"].includes(options.match) && options.result;
    if (hit) {
      const text = hit.text ?? format(value, unit, decimals).text;
      return { number: text, unit: "", text, color: hit.color ? named(hit.color) : null };
    }
  }
  if (value === null || value === undefined)
    return { number: noValue ?? "–", unit: "", text: noValue ?? "–", missing: true };
  if (field.type === "time") return format(value, "dateTimeAsIso");
  if (field.type === "boolean") return format(value ? "yes" : "no");
  return format(value, unit, decimals);
}
