// The line under the pointer with the values there: on all charts of the page at the same time of day.

import { make } from "./dom.js";
import { stamp } from "./time.js";

const MOST_ROWS = 16;
const charts = new Set();
const tip = make("div", { class: "tip", hidden: true });

/**
 * Have a chart show its values. `data()` tells what is drawn: the range `from` and `to`, the margins `left` and `right`
 * of the plot in pixels, ascending `times`, `rows(index)` with `[color, title, text]` of each value at a time, and
 * perhaps `notes(index)`, texts that belong there.
 */
export function cursor(chart, data) {
  const { area, line } = chart;
  const entry = { chart, data };
  charts.add(entry);
  const timeAt = event => {
    const { from, to, left, right } = data(),
      box = area.getBoundingClientRect();
    const share = (event.clientX - box.left - left) / (box.width - left - right);
    return share >= 0 && share <= 1 ? from + share * (to - from) : null;
  };
  area.addEventListener("pointermove", event => {
    const at = timeAt(event);
    if (at === null) return leave();
    const index = nearest(data().times, at);
    lines(at);
    if (index >= 0) show(data(), index, event.clientX, event.clientY);
  });
  area.addEventListener("pointerleave", leave);
  area.addEventListener("blur", leave);
  area.addEventListener("keydown", event => {
    const { times } = data(),
      last = times.length - 1,
      now = chart.index ?? last + 1;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    chart.index = Math.min(Math.max(to, 0), last);
    const box = area.getBoundingClientRect(),
      { from, to: end, left, right, rows } = data();
    lines(times[chart.index]);
    const x = box.left + left + ((times[chart.index] - from) / (end - from)) * (box.width - left - right);
    show(data(), chart.index, x, box.top + box.height / 3);
    chart.spoken.textContent = `${stamp(times[chart.index])}: ${rows(chart.index)
      .map(([, title, text]) => `${title} ${text}`)
      .join(", ")}`;
  });
  line.hidden = true;
}

function lines(time) {
  for (const entry of charts) {
    const {
      chart: { area, line },
      data,
    } = entry;
    if (!area.isConnected) {
      charts.delete(entry);
      continue;
    }
    const { from, to, left, right } = data();
    line.hidden = !(time >= from && time <= to);
    line.style.left = `${left + ((time - from) / (to - from)) * (area.clientWidth - left - right)}px`;
  }
}

function leave() {
  tip.hidden = true;
  for (const { chart } of charts) {
    chart.line.hidden = true;
    delete chart.index;
  }
}

function show({ times, rows, notes }, index, x, y) {
  const values = rows(index),
    shown = values.slice(0, MOST_ROWS);
  tip.replaceChildren(
    make("time", {}, `${stamp(times[index])} UTC`),
    ...shown.map(([color, title, text]) =>
      make("div", {}, make("i", { style: { background: color } }), make("span", {}, title), make("b", {}, text)),
    ),
    values.length > shown.length ? make("em", {}, `and ${values.length - shown.length} more`) : null,
    ...(notes?.(index) ?? []).map(text => make("em", {}, text)),
  );
  if (!tip.isConnected) document.body.append(tip);
  tip.hidden = false;
  const width = tip.offsetWidth,
    height = tip.offsetHeight,
    gap = 14;
  const left = x + gap + width > innerWidth ? Math.max(4, x - gap - width) : x + gap;
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(4, Math.min(y + gap, innerHeight - height - 4))}px`;
}

function nearest(times, at) {
  let low = 0,
    high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - times[low - 1] < times[low] - at ? low - 1 : low;
}
