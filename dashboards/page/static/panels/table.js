// A table: columns with their units, sorted by a click on their name, cells with color, bar or link.

import { faded, named } from "../colors.js";
import { make } from "../dom.js";
import { colorOf, shown } from "../fields.js";
import { target } from "../links.js";

const MOST = 500;
const collator = new Intl.Collator("en", { numeric: true });

export function draw(view) {
  const { body, panel, fields, state } = view;
  state.sort ??=
    (panel.options?.sortBy ?? []).map(({ displayName, desc }) => ({
      title: displayName,
      descending: Boolean(desc),
    }))[0] ?? null;
  const columns = fields.filter(field => !field.custom.hidden);
  const order = sorted(columns, state.sort);
  const scrolled = body.querySelector(".scroll")?.scrollTop ?? 0;
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.title : null;
  const head = make(
    "tr",
    {},
    ...columns.map(field =>
      heading(field, state.sort, () => {
        const again = state.sort?.title === field.title;
        state.sort = { title: field.title, descending: again ? !state.sort.descending : field.type === "number" };
        draw(view);
      }),
    ),
  );
  const rows = order.slice(0, MOST).map(row => make("tr", {}, ...columns.map(field => cell(field, row, view))));
  const scroll = make(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": panel.title },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    order.length > MOST
      ? make("p", { class: "soft" }, `${(order.length - MOST).toLocaleString("en")} more rows`)
      : null,
  );
  body.replaceChildren(scroll);
  scroll.scrollTop = scrolled;
  if (focused) [...body.querySelectorAll("th button")].find(one => one.dataset.title === focused)?.focus();
}

function sorted(columns, sort) {
  const order = Array.from(columns[0]?.values ?? [], (_, at) => at);
  const field = sort && columns.find(one => one.title === sort.title || one.name === sort.title);
  if (!field) return order;
  const sign = sort.descending ? -1 : 1;
  return order.sort((a, b) => {
    const [one, other] = [field.values[a], field.values[b]];
    if (one === null || other === null) return (one === null) - (other === null); // what is unknown stands last
    return sign * (typeof one === "string" ? collator.compare(one, other) : one - other);
  });
}

const aligned = field =>
  field.custom.align && field.custom.align !== "auto" ? field.custom.align : field.type === "number" ? "right" : "left";

function heading(field, sort, clicked) {
  const by = sort && (sort.title === field.title || sort.title === field.name);
  return make(
    "th",
    {
      scope: "col",
      "aria-sort": by ? (sort.descending ? "descending" : "ascending") : null,
      class: aligned(field),
      style: field.custom.width ? { "min-width": `${Math.min(field.custom.width, 320)}px` } : {},
    },
    make("button", { type: "button", onclick: clicked, "data-title": field.title }, field.title),
  );
}

function cell(field, row, { fields, context }) {
  const value = field.values[row],
    text = shown(field, value),
    { type } = field.custom.cellOptions ?? {};
  const color = text.missing ? null : type ? (text.color ?? colorOf(field, value)) : text.color;
  const link = field.config.links?.[0];
  const style = {};
  if (color && type === "color-text") style.color = color;
  if (color && type === "color-background" && color !== named("text"))
    [style.background, style["box-shadow"]] = [faded(color, 0.2), `inset 3px 0 ${color}`];
  // A row of words alone, which says that there is nothing, leads nowhere.
  const content =
    link && value !== null && fields.some(one => one !== field && one.values[row] !== null)
      ? make(
          "a",
          {
            title: link.title,
            href: target(link.url, {
              ...context.link,
              value,
              row: name => fields.find(one => one.name === name)?.values[row] ?? "",
            }),
          },
          text.text,
        )
      : text.text;
  return make(
    "td",
    { class: `${aligned(field)}${text.missing ? " missing" : ""}`, style },
    type === "gauge" ? bar(field, value, color) : null,
    content,
  );
}

function bar(field, value, color) {
  const { min, max } = field.config,
    known = field.values.filter(one => one !== null);
  const low = min ?? Math.min(0, ...known),
    high = max ?? Math.max(0, ...known);
  const share = value === null || high <= low ? 0 : Math.min(Math.max((value - low) / (high - low), 0), 1);
  return make("span", { class: "track" }, make("i", { style: { width: `${100 * share}%`, background: color } }));
}
