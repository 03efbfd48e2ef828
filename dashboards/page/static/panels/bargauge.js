// A bar for each row: its name, how long it is against the longest, its value.

import { make } from "../dom.js";
import { colorOf, shown } from "../fields.js";

const MOST = 200;

export function draw({ body, fields }) {
  const name = fields.find(field => field.type === "string");
  const field = fields.find(one => one.type === "number");
  if (!field) return body.replaceChildren();
  const { min, max } = field.config,
    known = field.values.filter(value => value !== null);
  const low = min ?? Math.min(0, ...known),
    high = max ?? Math.max(0, ...known);
  const rows = field.values.slice(0, MOST).map((value, at) => {
    const share = value === null || high <= low ? 0 : (value - low) / (high - low),
      text = shown(field, value);
    const color = text.color ?? colorOf(field, value);
    return make(
      "li",
      {},
      make("span", { class: "name" }, name?.values[at] ?? field.title),
      make(
        "span",
        { class: "track" },
        make("i", { style: { width: `${100 * Math.min(Math.max(share, 0), 1)}%`, background: color } }),
      ),
      make("span", { class: "value", style: { color } }, text.text),
    );
  });
  body.replaceChildren(make("ul", { class: "bars", tabindex: rows.length > 6 ? "0" : null }, ...rows));
}
