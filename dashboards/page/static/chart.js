// What charts share: the library, their place on the page, and how axes look.

import { css } from "./colors.js";
import { $, make } from "./dom.js";

let loading;

/** The chart library, which is loaded beside everything else. */
export function library() {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = $("chart-library");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("the chart library cannot be loaded")));
  });
  return loading;
}

/** The parts of a chart in a panel's body, made once: the drawing, what lies over it, the legend below. */
export function parts(body, title) {
  if (body.chart?.plot.isConnected) return body.chart;
  const plot = make("div", { class: "plot" });
  const line = make("div", { class: "cursor", hidden: true });
  const area = make(
    "div",
    {
      class: "chart",
      tabindex: "0",
      role: "group",
      "aria-roledescription": "chart",
      "aria-label": `${title}. The arrow keys read its values.`,
    },
    plot,
    line,
  );
  const legend = make("div", { class: "legend" });
  const spoken = make("p", { class: "unseen", "aria-live": "polite" });
  body.replaceChildren(area, legend, spoken);
  return (body.chart = { area, plot, line, legend, spoken });
}

/** The library takes no part in pointing: zoom with a mouse is all that is left to it, and fingers scroll the page. */
export function settings() {
  const coarse = matchMedia("(pointer: coarse)").matches;
  return { displayModeBar: false, doubleClick: false, showTips: false, responsive: false, staticPlot: coarse };
}

export function layout({ width, height, margin }) {
  return {
    width,
    height,
    margin: { ...margin, pad: 0 },
    autosize: false,
    showlegend: false,
    hovermode: false,
    dragmode: "zoom",
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    barmode: "overlay",
    bargap: 0,
    font: { family: css("--sans"), size: 11, color: css("--soft") },
    newselection: { line: { color: css("--accent") } },
  };
}

/** A time axis over the range that is looked at, in UTC. */
export function timeAxis({ from, to }, width) {
  const days = to - from > 20 * 36e5;
  return {
    type: "date",
    range: [from, to],
    nticks: Math.max(2, Math.floor(width / 80)),
    showgrid: true,
    zeroline: false,
    gridcolor: css("--grid"),
    linecolor: css("--rule"),
    showline: true,
    ticks: "",
    fixedrange: false,
    tickformatstops: [
      { dtickrange: [null, 6e4], value: "%H:%M:%S" },
      { dtickrange: [6e4, 864e5 - 1], value: days ? "%H:%M\n%-d %b" : "%H:%M" },
      { dtickrange: [864e5, "M1"], value: "%-d %b" },
      { dtickrange: ["M1", null], value: "%b %Y" },
    ],
  };
}

/** An axis of values with marks of our own, since units are. */
export function valueAxis({ low, high, marks, texts }) {
  return {
    range: [low, high],
    tickmode: "array",
    tickvals: marks,
    ticktext: texts,
    showgrid: true,
    gridcolor: css("--grid"),
    zeroline: low < 0 && high > 0,
    zerolinecolor: css("--rule"),
    zerolinewidth: 1,
    ticks: "",
    fixedrange: true,
  };
}

/** How wide the longest of some marks is, in pixels. */
export const textWidth = texts => Math.ceil(Math.max(0, ...texts.map(text => text.length)) * 6.3) + 10;

/** Draw, and call `zoomed(from, to)` when a part of the time axis was chosen by dragging. */
export async function draw(chart, traces, form, zoomed) {
  const plotly = await library();
  if (!chart.plot.isConnected) return;
  await plotly.react(chart.plot, traces, form, settings());
  if (chart.listens) return;
  chart.listens = true;
  chart.plot.on("plotly_relayout", change => {
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map(at =>
      at === undefined ? NaN : utc(at),
    );
    if (to > from) zoomed(Math.round(from), Math.round(to));
  });
}

const utc = at =>
  typeof at === "number" ? at : Date.parse(`${at.replace(" ", "T")}${at.length > 10 ? "" : "T00:00"}Z`);

/** Give back what a drawing holds. */
export function drop(body) {
  if (body.chart && window.Plotly) window.Plotly.purge(body.chart.plot);
  delete body.chart;
}
