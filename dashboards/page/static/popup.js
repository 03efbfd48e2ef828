// Menus: a button and what opens below it. The browser closes it on Escape or on a click elsewhere.

import { make } from "./dom.js";

const FOCUSABLE = "a[href], button, input, select, textarea";
let count = 0;

/**
 * Join a button with a popup. `fill(popup, close)` is called each time that it opens.
 * Arrows go from one item to the next, Home and End to the first and the last.
 */
export function popup(button, fill, { label = button.getAttribute("aria-label"), style = "" } = {}) {
  const box = make("div", {
    popover: "auto",
    id: `popup-${(count += 1)}`,
    class: `popup ${style}`,
    role: "dialog",
    "aria-label": label,
  });
  const close = () => box.matches(":popover-open") && box.hidePopover();
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  button.popoverTargetElement = box;
  box.addEventListener("beforetoggle", event => {
    if (event.newState !== "open") return;
    box.replaceChildren();
    fill(box, close);
  });
  box.addEventListener("toggle", event => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      place(box, button);
      // This is told a moment later: whoever has gone on with the arrows by then stays there.
      if (!box.contains(document.activeElement))
        (box.querySelector("[autofocus]") ?? box.querySelector(FOCUSABLE))?.focus();
    }
  });
  box.addEventListener("keydown", event => step(event, box));
  button.after(box);
  return { close, open: () => button.click(), box };
}

function place(box, button) {
  const at = button.getBoundingClientRect(),
    edge = 8;
  const left = Math.min(at.left, innerWidth - box.offsetWidth - edge);
  const below = at.bottom + 4,
    room = innerHeight - below - edge;
  const above = box.offsetHeight > room && at.top > innerHeight / 2;
  box.style.left = `${Math.max(edge, left)}px`;
  box.style.top = `${above ? Math.max(edge, at.top - box.offsetHeight - 4) : below}px`;
  box.style.maxHeight = `${above ? at.top - 2 * edge : Math.max(room, 160)}px`;
}

function step(event, box) {
  const items = [...box.querySelectorAll(FOCUSABLE)].filter(item => item.offsetParent !== null && !item.disabled);
  const at = items.indexOf(document.activeElement);
  const typing = document.activeElement.matches("input[type=text], input[type=search]");
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, ...(typing ? {} : { Home: 0, End: items.length - 1 }) }[event.key];
  if (to === undefined || !items.length) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}
