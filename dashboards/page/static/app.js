// The page: what is looked at, and when it is asked again.

import * as alerts from "./alerts.js";
import * as api from "./api.js";
import { Board } from "./board.js";
import { $, make } from "./dom.js";
import { help, listen } from "./keys.js";
import { controls, toggle } from "./pickers.js";
import { address, read } from "./state.js";
import { duration, isRelative, parse } from "./time.js";
import { Variables } from "./variables.js";

const ALERTS_EVERY_MS = 10_000,
  LOST_EVERY_MS = 2_000;

let boards = [],
  model,
  board,
  variables,
  view,
  annotations = [],
  state = read(),
  alertsAt = 0,
  entered = 0;

const range = () => ({ from: state.from ?? model?.time?.from ?? "now-1h", to: state.to ?? model?.time?.to ?? "now" });
const refreshText = () => state.refresh ?? model?.refresh ?? "";

/** The range in milliseconds, and the values of variables: what all panels of one round are asked with. */
function looked() {
  const { from, to } = range(),
    now = Date.now();
  view = { from: parse(from, now), to: parse(to, now, true) };
}

const host = {
  range,
  refresh: refreshText,
  help,
  get isAlone() {
    return state.panel !== null;
  },
  question: (panel, points) => ({
    board: model.uid,
    panel: panel.model.id,
    points,
    variables: variables.forQuery(),
    ...panel.range(view),
  }),
  context: () => ({ annotations, zoomed: (from, to) => host.setRange(String(from), String(to)) }),
  /** The first value of the dashboard is the window's title, so that a tab in the background tells it too. */
  drawn: panel => {
    const value = panel === board.panels[0] && panel.node.querySelector(".stat dd");
    if (value) document.title = `${value.textContent} · ${model.title} · Gigawatt`;
  },
  link: () => ({ ...range(), variables: variables.forAddress() }),
  alone: panel => panel !== null || state.panel !== null ? change({ panel: panel === state.panel ? null : panel }) : undefined,
  setRange: (from, to) => change({ from, to }),
  setRefresh: refresh => change({ refresh }),
  now: () => round({ anew: true }),
  shift: by => {
    const step = ((view.to - view.from) / 2) * by;
    change({ from: String(Math.round(view.from + step)), to: String(Math.round(view.to + step)) });
  },
  zoomOut: () => {
    const half = (view.to - view.from) / 2;
    change({
      from: String(Math.round(view.from - half)),
      to: String(Math.round(Math.min(view.to + half, Date.now()))),
    });
  },
  themed: () => board?.redraw(),
  toggleTheme: () => toggle(host),
  nth: place => boards[place] && go(boardAddress(boards[place].uid)),
};
const showControls = controls(host);

/** The same range and variables on another dashboard. */
const boardAddress = uid =>
  address({
    uid,
    from: state.from,
    to: state.to,
    refresh: null,
    panel: null,
    variables: variables?.forAddress() ?? {},
  });

/** Look at something else of the same dashboard. */
function change(changed) {
  const panels = "panel" in changed && changed.panel !== state.panel;
  if ("panel" in changed && !panels) return;
  state = { ...state, ...changed };
  history.pushState(null, "", address({ ...state, variables: variables.forAddress() }));
  if (panels) lay();
  round({ anew: true });
  if ("from" in changed) variables.load();
  if ("refresh" in changed) schedule();
}

/** Go to an address of this page without loading it again. */
function go(url) {
  history.pushState(null, "", url);
  return enter();
}

/** Show what the address says. Whoever has gone on to another one meanwhile is not called back. */
async function enter() {
  const before = model?.uid;
  const mine = (entered += 1);
  state = read();
  const uid = state.uid ?? boards[0]?.uid;
  if (!uid) return say("There are no dashboards yet.");
  try {
    const found = uid === before ? model : await api.get(`/api/boards/${encodeURIComponent(uid)}`);
    if (mine !== entered) return undefined;
    model = found;
  } catch (error) {
    return say(error.message);
  }
  looked();
  variables = new Variables(model.templating?.list ?? [], state.variables, {
    question: name => ({ board: model.uid, variable: name, variables: variables.forQuery(), ...view }),
    changed: async name => {
      change({ variables: variables.forAddress() });
      await variables.load(name);
    },
  });
  variables.show($("variables"));
  if (variables.incomplete) await variables.load();
  if (mine !== entered) return undefined;
  if (uid !== before) {
    annotations = [];
    scrollTo(0, 0);
    $("title").textContent = model.title;
    $("title").title = model.description ?? "";
  }
  document.title = `${model.title} · Gigawatt`;
  lay();
  round({ anew: true });
  variables.load(); // after the panels: it is needed when somebody wants to choose
  return undefined;
}

function lay() {
  board?.end();
  board = new Board(model, host, { alone: state.panel });
  $("board").replaceChildren(...board.nodes);
}

/** The links to all dashboards; they take along what is looked at now. */
function navigation() {
  const node = $("boards");
  if (node.children.length !== boards.length)
    node.replaceChildren(...boards.map(({ title, description }) => make("a", { title: description }, title)));
  boards.forEach(({ uid }, at) => {
    const link = node.children[at];
    link.href = boardAddress(uid);
    if (uid !== model?.uid) return link.removeAttribute("aria-current");
    if (link.hasAttribute("aria-current")) return undefined;
    link.setAttribute("aria-current", "page");
    node.scrollLeft = link.offsetLeft - node.offsetLeft - (node.clientWidth - link.offsetWidth) / 2;
    return undefined;
  });
}

function say(text) {
  board?.end();
  board = null;
  $("board").replaceChildren(make("p", { class: "nothing" }, text));
}

/** One round of questions; panels draw as their answers come. */
function round({ anew = false } = {}) {
  if (!board) return;
  looked();
  showControls();
  navigation();
  board.name(title => variables.filled(title));
  board.refresh({ anew });
  notes();
  tell();
}

/** Which rules would fire is asked now and then, whatever the range is. */
function tell() {
  if (Date.now() - alertsAt < ALERTS_EVERY_MS * 0.9) return;
  alertsAt = Date.now();
  alerts.show();
}

/** Annotations are drawn with the next round of panels; none is worth waiting for. */
async function notes() {
  const asked = (model.annotations?.list ?? []).filter(one => one.enable !== false && one.target?.rawSql),
    uid = model.uid;
  const found = await Promise.all(
    asked.map(async ({ name }) => {
      const answer = await api
        .query({ board: uid, annotation: name, variables: variables.forQuery(), ...view })
        .catch(() => null);
      const frame = answer?.frames[0];
      if (!frame?.data) return [];
      const { time = [], text = [], title = [] } = frame.data.data;
      return time.map((at, row) => ({
        time: 1e3 * at,
        text: [title[row], text[row]].filter(Boolean).join(": ") || name,
      }));
    }),
  );
  const before = JSON.stringify(annotations);
  if (model.uid !== uid) return;
  annotations = found.flat();
  if (JSON.stringify(annotations) !== before) {
    for (const panel of board.panels)
      if (panel.model.type === "timeseries" && panel.context) {
        panel.context.annotations = annotations;
        panel.redraw();
      }
  }
}

let next;
function schedule() {
  clearTimeout(next);
  const every = duration(refreshText());
  const live = every && isRelative(range().to) && !document.hidden;
  next = setTimeout(
    async () => {
      if (live) round();
      else if (!document.hidden) tell();
      schedule();
    },
    live ? every : ALERTS_EVERY_MS,
  );
}

api.onConnection(lost => {
  $("trouble").textContent = lost
    ? "Gigawatt does not answer. Check whether it is running. This page retries; the figures shown are old."
    : "";
  $("trouble").hidden = !lost;
  document.body.classList.toggle("lost", lost);
  if (!lost) return round({ anew: true });
  const again = setInterval(
    () =>
      api.get("/api/boards").then(
        () => clearInterval(again),
        () => {},
      ),
    LOST_EVERY_MS,
  );
  return undefined;
});

document.addEventListener("click", event => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button || link.origin !== location.origin)
    return;
  if (link.pathname !== "/" && !link.pathname.startsWith("/d/")) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  document.querySelector(":popover-open")?.hidePopover();
  go(link.href);
});
addEventListener("popstate", enter);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) round();
  schedule();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => board?.redraw());
listen(host);

try {
  boards = await api.get("/api/boards");
  await enter();
} catch (error) {
  say(error.message);
}
schedule();
