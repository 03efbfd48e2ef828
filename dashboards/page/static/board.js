// A dashboard on the page: its sections and panels, and which of them ask when.

import { make } from "./dom.js";
import { Panel } from "./panel.js";

const CELL_PX = 30,
  GAP_PX = 8;

export class Board {
  /** `host` is what panels need (panel.js), `folded` a set of the titles of sections that are closed. */
  constructor(model, host, { alone = null } = {}) {
    this.panels = [];
    this.titles = [];
    this.host = host;
    const sections =
      alone === null
        ? cut(model.panels ?? [])
        : [{ panels: [{ ...find(model.panels ?? [], alone), gridPos: { x: 0, y: 0, w: 24, h: 18 } }] }];
    this.seen = new IntersectionObserver(
      entries => {
        for (const { target, isIntersecting } of entries) {
          const panel = this.panels.find(one => one.node === target);
          panel.visible = isIntersecting;
          if (isIntersecting && panel.due) panel.run({ anew: true });
        }
      },
      { rootMargin: "150px 0px" },
    );
    this.nodes = sections.map(section => this.section(section));
  }

  section({ title, collapsed = false, panels }) {
    const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
    const placed = [...panels].sort((one, other) => one.gridPos.y - other.gridPos.y || one.gridPos.x - other.gridPos.x);
    const small = placed.filter(({ type, gridPos }) => type === "stat" && gridPos.w <= 6);
    // On a phone they stand two by two, and the first alone where that leaves one over.
    const halves = new Set(small.slice(small.length % 2));
    const grid = make(
      "div",
      { class: "grid", hidden: collapsed },
      ...placed.map(model => this.place(model, top, halves.has(model))),
    );
    if (!title) return make("section", {}, grid);
    const button = make(
      "button",
      {
        type: "button",
        class: "fold",
        "aria-expanded": String(!collapsed),
        onclick: () => {
          grid.hidden = !grid.hidden;
          button.setAttribute("aria-expanded", String(!grid.hidden));
        },
      },
      title,
    );
    this.titles.push([button, title]);
    return make("section", {}, make("h2", {}, button), grid);
  }

  place(model, top, isHalf) {
    const panel = new Panel(model, this.host),
      { x, y, w, h } = model.gridPos;
    this.panels.push(panel);
    this.titles.push([panel.node.querySelector("h3"), model.title ?? ""]);
    this.seen.observe(panel.node);
    if (isHalf) panel.node.classList.add("half");
    const low = h * CELL_PX + (h - 1) * GAP_PX;
    for (const [name, value] of [
      ["--column", `${x + 1} / span ${w}`],
      ["--row", `${y - top + 1} / span ${h}`],
      ["--height", `${low}px`],
    ])
      panel.node.style.setProperty(name, value);
    return panel.node;
  }

  /** Write titles with the values of variables in them. */
  name(filled) {
    for (const [node, title] of this.titles) if (title.includes("$")) node.textContent = filled(title);
  }

  /** Ask anew: what is seen now, the rest when it comes into view. */
  refresh({ anew }) {
    return Promise.all(
      this.panels.map(panel => {
        panel.due = true;
        return panel.visible ? panel.run({ anew }) : null;
      }),
    );
  }

  redraw() {
    for (const panel of this.panels) panel.redraw();
  }

  end() {
    this.seen.disconnect();
    for (const panel of this.panels) panel.end();
  }
}

function find(panels, id) {
  return (
    panels.flatMap(one => [one, ...(one.panels ?? [])]).find(one => one.id === id) ?? {
      type: "text",
      title: "",
      options: { content: "There is no such panel." },
    }
  );
}

/** Sections as rows cut them: what stands before the first row has no title. */
function cut(panels) {
  const sections = [{ panels: [] }];
  for (const panel of [...panels].sort(
    (one, other) => one.gridPos.y - other.gridPos.y || one.gridPos.x - other.gridPos.x,
  ))
    if (panel.type === "row")
      sections.push({ title: panel.title, collapsed: Boolean(panel.collapsed), panels: [...(panel.panels ?? [])] });
    else sections.at(-1).panels.push(panel);
  return sections.filter(section => section.panels.length);
}
