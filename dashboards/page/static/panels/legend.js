// The names of lines below them. A click shows one alone, with Ctrl or Shift it hides or shows one beside others.

import { make } from "../dom.js";

export function legend(node, panel, all, hidden, redraw) {
  const named = all.filter(one => (one.custom.lineWidth ?? 1) > 0 || one.bars || (one.custom.fillOpacity ?? 0) > 0);
  const wanted = panel.options?.legend?.showLegend !== false && named.length > 0;
  node.hidden = !wanted;
  if (!wanted) return;
  const key = named.map(one => `${one.title}${one.color}${hidden.has(one.title)}`).join();
  if (node.dataset.key === key) return; // so that the focus stays where it is
  node.dataset.key = key;
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.title : null;
  node.replaceChildren(
    ...named.map(one =>
      make(
        "button",
        {
          type: "button",
          "data-title": one.title,
          "aria-pressed": String(!hidden.has(one.title)),
          title: one.title,
          onclick: event => {
            choose(
              one.title,
              named.map(other => other.title),
              hidden,
              event.ctrlKey || event.metaKey || event.shiftKey,
            );
            redraw();
          },
        },
        make("i", { class: one.custom.lineStyle?.fill === "dash" ? "dashed" : "", style: { "--color": one.color } }),
        one.title,
      ),
    ),
  );
  if (focused !== null) [...node.children].find(child => child.dataset.title === focused)?.focus();
}

function choose(title, titles, hidden, beside) {
  const alone = titles.every(other => hidden.has(other) === (other !== title));
  if (beside) hidden.has(title) ? hidden.delete(title) : hidden.add(title);
  else if (alone) hidden.clear();
  else for (const other of titles) other === title ? hidden.delete(other) : hidden.add(other);
}
