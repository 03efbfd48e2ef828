// Cells over time: a row of them for each series, colored by value.

import { scheme } from "../colors.js";
import { cursor } from "../cursor.js";
import { draw as drawChart, drop, layout, parts, textWidth, timeAxis } from "../chart.js";
import { make } from "../dom.js";
import { shown } from "../fields.js";
import { format } from "../format.js";

const MOST_STEPS = 5000;

export { drop };

export function draw({ body, panel, fields, context }) {
  const { times, rows, step } = regular(fields, context.intervalMs);
  const chart = parts(body, panel.title),
    options = panel.options ?? {};
  const unit = options.cellValues?.unit ?? rows[0]?.config.unit,
    decimals = options.cellValues?.decimals;
  const colors = scheme(options.color?.scheme, options.color?.reverse);
  const [low, high] = bounds(rows, options.color ?? {});
  scaleBelow(chart.legend, colors, format(low, unit, decimals).text, format(high, unit, decimals).text);
  const width = body.clientWidth,
    height = Math.max(60, body.clientHeight - chart.legend.offsetHeight);
  const names = rows.map(row => (row.labels ? row.title : row.name));
  const left = Math.min(textWidth(names), Math.round(width * 0.3)),
    margin = { l: left, r: 12, t: 4, b: context.range.to - context.range.from > 20 * 36e5 ? 34 : 20 };
  const each = Math.ceil(rows.length / Math.max(1, Math.floor((height - margin.b) / 12)));
  const shownNames = names.map((_, at) => at).filter(at => at % each === 0),
    letters = Math.floor(left / 6.3) - 1;
  const form = {
    ...layout({ width, height, margin }),
    xaxis: { ...timeAxis(context.range, width - left), showgrid: false },
    yaxis: {
      range: [rows.length - 0.5, -0.5],
      tickmode: "array",
      tickvals: shownNames,
      fixedrange: true,
      showgrid: false,
      zeroline: false,
      ticks: "",
      ticktext: shownNames.map(at => (names[at].length > letters ? `…${names[at].slice(1 - letters)}` : names[at])),
    },
  };
  const trace = {
    type: "heatmap",
    x: [...times, times.at(-1) + step], // the edges of cells
    y: names.map((_, at) => at),
    z: rows.map(row => row.values),
    zmin: low,
    zmax: high,
    colorscale: colors.map((color, at) => [at / (colors.length - 1), color]),
    showscale: false,
    hoverinfo: "skip",
    xgap: 0,
    ygap: rows.length > 60 ? 0 : 1,
    connectgaps: false,
  };
  chart.shown = {
    ...context.range,
    left,
    right: margin.r,
    times,
    rows: index =>
      rows
        .map((row, at) => [row.values[index], row, at])
        .filter(([value]) => value !== null && value !== undefined)
        .sort((one, other) => other[0] - one[0])
        .map(([value, row, at]) => [
          colorAt(colors, (value - low) / (high - low || 1)),
          names[at],
          shown({ ...row, config: { ...row.config, unit, decimals } }, value).text,
        ]),
  };
  if (!chart.points) {
    chart.points = true;
    cursor(chart, () => chart.shown);
  }
  return drawChart(chart, rows.length ? [trace] : [], form, context.zoomed);
}

/** The same with a place for every step of time: the library would else stretch cells over what is missing. */
function regular(fields, intervalMs) {
  const given = fields.find(field => field.type === "time")?.values ?? [];
  const rows = fields.filter(field => field.type === "number");
  const step = given.reduce((least, ms, at) => (at ? Math.min(least, ms - given[at - 1]) : least), Infinity);
  if (step === Infinity) return { times: given, rows, step: intervalMs };
  const count = Math.round((given.at(-1) - given[0]) / step) + 1;
  if (count === given.length || count > MOST_STEPS) return { times: given, rows, step };
  const times = Array.from({ length: count }, (_, at) => given[0] + at * step);
  const places = given.map(ms => Math.round((ms - given[0]) / step));
  const filled = rows.map(row => {
    const values = new Array(count).fill(null);
    places.forEach((place, at) => {
      values[place] = row.values[at];
    });
    return { ...row, values };
  });
  return { times, rows: filled, step };
}

function bounds(rows, { min, max }) {
  let low = Infinity,
    high = -Infinity;
  for (const row of rows)
    for (const value of row.values) if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low > high ? [min ?? 0, max ?? 1] : [min ?? low, max ?? high];
}

const colorAt = (colors, share) => colors[Math.round(Math.min(Math.max(share, 0), 1) * (colors.length - 1))];

function scaleBelow(node, colors, low, high) {
  node.replaceChildren(
    make(
      "span",
      { class: "scale" },
      low,
      make("i", { style: { background: `linear-gradient(to right, ${colors.join(", ")})` } }),
      high,
    ),
  );
}
