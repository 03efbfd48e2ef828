// Series to what the chart library draws: lines, areas, bands and bars, and how far the values reach.

import { byPlace, faded, named } from "../colors.js";

/**
 * Prepare what is to be drawn of configured fields. Gives the series that are drawn, each with `low` and `high`, the
 * edges of its area where it has one, and `axis`, y or y2.
 */
export function series(fields) {
  const sums = new Map();
  const values = fields
    .filter(field => field.type === "number")
    .map((field, place) => ({
      ...field,
      color: field.color ?? byPlace(place),
      axis: field.custom.axisPlacement === "right" ? "y2" : "y",
      bars: field.custom.drawStyle === "bars",
    }));
  for (const one of values) {
    const { stacking, fillBelowTo, fillOpacity = 0 } = one.custom;
    if (stacking?.mode === "normal") {
      const before = sums.get(one.axis) ?? one.values.map(() => 0);
      const sum = one.values.map((value, at) => before[at] + (value ?? 0));
      sums.set(one.axis, sum);
      [one.low, one.high] = [before, one.values.map((value, at) => (value === null ? null : sum[at]))];
    } else if (fillBelowTo) {
      const below = values.find(
        other => (other.name === fillBelowTo || other.title === fillBelowTo) && sameLabels(one, other),
      );
      [one.low, one.high] = [below?.values ?? null, one.values];
    } else {
      [one.low, one.high] = [fillOpacity > 0 || one.bars ? one.values.map(() => 0) : null, one.values];
    }
  }
  return values;
}

const sameLabels = (one, other) => JSON.stringify(one.labels ?? {}) === JSON.stringify(other.labels ?? {});

/** The lowest and the highest value on an axis, or null when there is none. */
export function reach(all, axis) {
  let low = Infinity,
    high = -Infinity;
  for (const one of all) {
    if (one.axis !== axis) continue;
    const stacked = one.custom.stacking?.mode === "normal" || one.bars;
    for (const values of stacked ? [one.high, one.low] : [one.high])
      for (const value of values) if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  return low <= high ? [low, high] : null;
}

/** The library's traces: areas below lines, in the order of the series. */
export function traces(all, times, intervalMs) {
  const areas = [],
    lines = [];
  for (const one of all) {
    if (one.bars) areas.push(bars(one, times, intervalMs));
    else {
      const opacity = (one.custom.fillOpacity ?? 0) / 100;
      if (one.low && opacity > 0) areas.push(area(one, times, opacity));
      if ((one.custom.lineWidth ?? 1) > 0) lines.push(line(one, times));
    }
  }
  return [...areas, ...lines];
}

function line(one, times) {
  const { lineWidth = 1, lineStyle, spanNulls } = one.custom;
  return {
    type: "scatter",
    mode: "lines",
    x: times,
    y: one.high,
    yaxis: one.axis,
    hoverinfo: "skip",
    connectgaps: Boolean(spanNulls),
    line: {
      color: one.color,
      width: lineWidth,
      dash: lineStyle?.fill === "dash" ? "6px,5px" : lineStyle?.fill === "dot" ? "dot" : "solid",
    },
  };
}

/** One polygon for each run of values without a gap: the library would else draw across gaps. */
function area(one, times, opacity) {
  const x = [],
    y = [];
  let begin = null;
  const known = at => one.high[at] !== null && one.low[at] !== null && one.high[at] !== undefined;
  for (let at = 0; at <= times.length; at += 1) {
    if (at < times.length && known(at)) begin ??= at;
    else if (begin !== null) {
      for (let up = begin; up < at; up += 1) (x.push(times[up]), y.push(one.high[up]));
      for (let down = at - 1; down >= begin; down -= 1) (x.push(times[down]), y.push(one.low[down]));
      (x.push(null), y.push(null));
      begin = null;
    }
  }
  return {
    type: "scatter",
    mode: "none",
    x,
    y,
    yaxis: one.axis,
    fill: "toself",
    fillcolor: faded(one.color, opacity),
    hoverinfo: "skip",
  };
}

function bars(one, times, intervalMs) {
  const opacity = Math.max((one.custom.fillOpacity ?? 60) / 100, 0.25);
  return {
    type: "bar",
    x: times,
    y: one.high.map((value, at) => (value === null ? null : value - one.low[at])),
    base: one.low,
    yaxis: one.axis,
    offset: 0,
    width: intervalMs * 0.9,
    hoverinfo: "skip",
    marker: { color: faded(one.color, opacity), line: { width: 0 } },
  };
}

/** Lines across the plot at the thresholds that a panel shows so. */
export function thresholdLines({ thresholds, custom = {} }) {
  if (!["line", "dashed", "line+area", "dashed+area"].includes(custom.thresholdsStyle?.mode)) return [];
  return (thresholds?.steps ?? [])
    .filter(({ value }) => value !== null)
    .map(({ value, color }) => ({
      type: "line",
      xref: "paper",
      x0: 0,
      x1: 1,
      y0: value,
      y1: value,
      layer: "above",
      line: {
        color: named(color),
        width: 1,
        dash: custom.thresholdsStyle.mode.startsWith("dashed") ? "6px,5px" : "solid",
      },
    }));
}
