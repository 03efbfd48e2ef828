// Single values, large: one tile for each number of the row.

import { css, faded, named } from "../colors.js";
import { make } from "../dom.js";
import { colorOf, shown } from "../fields.js";
import { reduced } from "../frames.js";

export function draw({ body, panel, fields }) {
  const { reduceOptions = {}, colorMode = "value", orientation = "auto" } = panel.options ?? {};
  const wanted = reduceOptions.fields ? new RegExp(reduceOptions.fields.replace(/^\/|\/$/g, "")) : null;
  const values = fields.filter(field => (wanted ? wanted.test(field.title) : field.type === "number"));
  const lines = values.length > 1 && body.clientWidth / values.length < 100; // name and value on one line
  const upright =
    lines || orientation === "horizontal" || (orientation === "auto" && body.clientWidth < body.clientHeight * 1.2);
  const list = make(
    "dl",
    { class: `stat ${lines ? "lines" : upright ? "upright" : ""}` },
    ...values.map(field => tile(field, colorMode, reduceOptions, values.length > 1)),
  );
  body.replaceChildren(list);
  if (lines) list.style.setProperty("--size", "17px");
  else
    fit(
      list,
      values.length,
      upright
        ? [body.clientWidth, body.clientHeight / values.length]
        : [body.clientWidth / values.length, body.clientHeight],
    );
}

const UNIT_SIZE = 0.55,
  LARGEST_PX = 46,
  SMALLEST_PX = 13;
const ruler = document.createElement("canvas").getContext("2d");

/** One size for all tiles of a panel: the largest with which each fits. */
function fit(list, count, [width, height]) {
  ruler.font = `620 100px ${css("--sans")}`;
  const wide = [...list.querySelectorAll("dd")].map(value => {
    const [number, unit] = ["b", "small"].map(
      name => ruler.measureText(value.querySelector(name)?.textContent ?? "").width / 100,
    );
    return number + (unit ? unit * UNIT_SIZE + 0.2 : 0);
  });
  const size = Math.min((height - (count > 1 ? 24 : 6)) * 0.75, (width - 22) / Math.max(...wide), LARGEST_PX);
  list.style.setProperty("--size", `${Math.max(SMALLEST_PX, size)}px`);
}

function tile(field, colorMode, { calcs = ["lastNotNull"] }, titled) {
  const value = reduced(field.values, calcs[0]),
    text = shown(field, value);
  const color = text.missing ? named("text") : (text.color ?? colorOf(field, value));
  const filled = colorMode.startsWith("background") && color !== named("text") && !text.missing;
  return make(
    "div",
    {
      class: text.missing ? "missing" : filled ? "filled" : "",
      style: filled ? { "--tint": faded(color, 0.16), "--edge": color } : {},
    },
    titled ? make("dt", { title: field.title }, field.title) : null,
    make(
      "dd",
      { style: { color }, "aria-label": `${field.title} ${text.text}` },
      make("b", {}, text.number),
      text.unit ? make("small", {}, text.unit) : null,
    ),
  );
}
