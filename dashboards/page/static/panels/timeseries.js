// Lines over time, with their axis, thresholds, annotations and legend.

import { css, faded } from "../colors.js";
import { cursor } from "../cursor.js";
import { draw as drawChart, drop, layout, parts, textWidth, timeAxis, valueAxis } from "../chart.js";
import { shown } from "../fields.js";
import { axisFormat, marks } from "../format.js";
import { legend } from "./legend.js";
import { reach, series, thresholdLines, traces } from "./traces.js";

export { drop };

export function draw({ body, panel, fields, state, context }) {
  const time = fields.find(field => field.type === "time");
  const all = series(fields);
  const chart = parts(body, panel.title);
  state.hidden ??= new Set();
  const visible = all.filter(one => !state.hidden.has(one.title));
  legend(chart.legend, panel, all, state.hidden, () => draw({ body, panel, fields, state, context }));
  chart.legend.style.maxHeight = `${Math.round(body.clientHeight * 0.3)}px`;
  const width = body.clientWidth,
    height = Math.max(60, body.clientHeight - chart.legend.offsetHeight);
  const defaults = panel.fieldConfig?.defaults ?? {};
  const axes = ["y", "y2"].map(name => axis(visible, name, height)),
    [left, right] = axes;
  const margin = {
    l: left ? textWidth(left.texts) : 12,
    r: right ? textWidth(right.texts) : 18,
    t: 8,
    b: longer(context.range) ? 34 : 20,
  };
  const form = {
    ...layout({ width, height, margin }),
    xaxis: timeAxis(context.range, width - margin.l - margin.r),
    yaxis: valueAxis(left ?? right ?? { low: 0, high: 1, marks: [], texts: [] }),
    shapes: [...thresholdLines(defaults), ...context.annotations.map(({ time }) => mark(time))],
  };
  if (right) form.yaxis2 = { ...valueAxis(right), overlaying: "y", side: "right", showgrid: false };
  // What the cursor shows is what was drawn last.
  chart.shown = {
    ...context.range,
    left: margin.l,
    right: margin.r,
    times: time?.values ?? [],
    rows: index => values(visible, index),
    notes: index => notes(context.annotations, time.values, index),
  };
  if (!chart.points) {
    chart.points = true;
    cursor(chart, () => chart.shown);
  }
  return drawChart(chart, traces(visible, time?.values ?? [], context.intervalMs), form, context.zoomed);
}

const longer = ({ from, to }) => to - from > 20 * 36e5;

function axis(all, name, height) {
  const reached = reach(all, name);
  if (!reached) return null;
  const first = all.find(one => one.axis === name),
    { unit, min, max } = first.config;
  reached[1] = Math.max(reached[1], first.custom.axisSoftMax ?? -Infinity);
  const room = (reached[1] - reached[0] || Math.abs(reached[1]) || 1) * 0.06;
  const low = min ?? (reached[0] >= 0 && reached[0] - room < 0 ? 0 : reached[0] - room);
  const top = max ?? (reached[1] <= 0 && reached[1] + room > 0 ? 0 : reached[1] + room),
    high = top > low ? top : low + 1;
  const { step, values } = marks(low, high, Math.max(2, height / 45), unit);
  // A line along the edge is seen whole.
  return {
    low,
    high: high + (high - low) * 0.012,
    marks: values,
    texts: values.map(axisFormat(unit, low, high, step)),
  };
}

function values(all, index) {
  const known = all.filter(one => one.values[index] !== null && one.values[index] !== undefined);
  if (known.length > 6) known.sort((one, other) => other.values[index] - one.values[index]);
  return known.map(one => [one.color, one.title, shown(one, one.values[index]).text]);
}

function mark(at) {
  return {
    type: "line",
    yref: "paper",
    x0: at,
    x1: at,
    y0: 0,
    y1: 1,
    line: { color: faded(css("--accent"), 0.6), width: 1, dash: "3px,3px" },
  };
}

function notes(annotations, times, index) {
  const reach = Math.max(times.at(-1) - times[0], 1) / 60;
  return annotations
    .filter(({ time }) => Math.abs(time - times[index]) < reach)
    .slice(0, 4)
    .map(({ text }) => text);
}
