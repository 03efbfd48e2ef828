// Which rules would fire now, in one line above the dashboard; the line opens to the list.

import { get, AskError } from "./api.js";
import { $, make } from "./dom.js";
import { stamp } from "./time.js";

const MOST_NAMED = 3;
const OLD_S = 30;
let open = false;

/** Ask, and show what is said. */
export async function show() {
  const node = $("alerts");
  let alerts, age;
  try {
    ({ alerts, age_s: age } = await get("/api/alerts"));
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    node.classList.add("old");
    return;
  }
  node.hidden = alerts === null;
  if (alerts !== null) draw(node, alerts, age);
}

function draw(node, alerts, age) {
  const within = wanted => alerts.filter(({ state }) => state === wanted);
  const firing = within("Alerting"),
    recovering = within("Recovering").length,
    pending = within("Pending").length;
  const unknown = alerts.length - firing.length - recovering - pending;
  node.className = firing.some(({ severity }) => severity === "critical")
    ? "critical"
    : firing.length
      ? "warning"
      : "quiet";
  const counts = [
    firing.length ? `${firing.length} ${firing.length === 1 ? "alert" : "alerts"} would fire` : "No alert would fire",
    recovering ? `${recovering} recovering` : "",
    pending ? `${pending} pending` : "",
    unknown ? `${unknown} cannot tell` : "",
    age > OLD_S ? `as of ${Math.round(age)} s ago: the store does not answer` : "",
  ]
    .filter(Boolean)
    .join(" · ");
  node.classList.toggle("old", age === null || age > OLD_S);
  if (age === null) return node.replaceChildren(make("p", {}, make("b", {}, "The rules have not been evaluated yet")));
  if (!alerts.length) return node.replaceChildren(make("p", {}, make("b", {}, counts)));
  const titles = [...new Set((firing.length ? firing : alerts).map(({ title }) => title))];
  const named = titles.slice(0, MOST_NAMED).join(", ") + (titles.length > MOST_NAMED ? ", …" : "");
  const focused = node.querySelector("summary") === document.activeElement;
  const details = make(
    "details",
    { open },
    make("summary", {}, make("b", {}, counts), make("span", { class: "soft" }, named)),
    list(alerts),
  );
  details.addEventListener("toggle", () => {
    open = details.open;
  });
  node.replaceChildren(details);
  if (focused) details.querySelector("summary").focus();
  return undefined;
}

function list(alerts) {
  return make(
    "ul",
    {},
    ...alerts.map(({ state, severity, title, labels, summary, since_ms, runbook_path, dashboard_uid, panel_id }) =>
      make(
        "li",
        {},
        make(
          "span",
          { class: `badge ${state === "Alerting" ? severity : ""}` },
          state === "Alerting" ? severity : state.toLowerCase(),
        ),
        make(
          "a",
          { href: `/d/${encodeURIComponent(dashboard_uid)}?viewPanel=${panel_id}` },
          title,
        ),
        make("a", { class: "soft", href: runbook_path }, "what to do"),
        make("span", {}, summary || Object.values(labels).join(" / ")),
        make("time", { class: "soft" }, `since ${stamp(since_ms).slice(11)}`),
      ),
    ),
  );
}
