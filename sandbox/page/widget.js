// A widget, drawn only from its installed template and the held response.

import { icon, make } from "/page/elements.js";
import { fill, fillUrl, findValue, listNodes } from "/page/template.js";
import { drawRow } from "/page/value.js";

const ROWS = new Set(["text", "boolean", "date", "url", "email"]);

export class WidgetView {
  /** `isOpen(key, byDefault)` and `setOpen(key, open)` remember the accordions; `press(button, place)` opens a button's modal. */
  constructor(widget, { isOpen, setOpen, press }) {
    this.widget = widget;
    this.isOpen = isOpen;
    this.setOpen = setOpen;
    this.press = press;
  }

  /** The widget's elements; none if no row and no link has a value: Gorgias hides such a widget. */
  draw() {
    this.hasValue = false;
    const place = { nodes: [], items: [], isOneOfMany: false };
    const drawn = this.drawChildren(this.widget.template, this.widget.held.body, place);
    return this.hasValue ? drawn : [];
  }

  drawChildren(parent, scope, place) {
    const drawn = listNodes(parent).flatMap(({ node, position }) =>
      this.drawNode(node, scope, { ...place, nodes: [...place.nodes, position] }),
    );
    return groupRows(drawn);
  }

  drawNode(node, scope, place) {
    if (ROWS.has(node.type)) return this.drawRow(node, scope, place);
    if (node.type === "card") return this.drawCard(node, findValue(scope, node.path), place);
    if (node.type === "list") return this.drawList(node, findValue(scope, node.path), place);
    if (node.type === "wrapper") return this.drawChildren(node, scope, place);
    return [];
  }

  drawRow(node, scope, place) {
    const row = drawRow(node, scope, this.key(place));
    if (row) this.hasValue = true;
    return row ?? [];
  }

  drawList(node, items, place) {
    if (!Array.isArray(items)) return [];
    const limit = Number.parseInt(node.meta?.limit, 10) || items.length;
    const isOneOfMany = items.length > 1;
    return items
      .slice(0, limit)
      .flatMap((item, index) => this.drawChildren(node, item, { ...place, items: [...place.items, index], isOneOfMany }));
  }

  drawCard(node, scope, place) {
    if (scope === undefined || scope === null) return [];
    const tools = this.drawTools(node, scope, place);
    const children = this.drawChildren(node, scope, place);
    const body = [tools, ...children].filter(Boolean);
    if (node.meta?.displayCard === false) return body;
    if (!body.length && !fill(node.title, scope).trim()) return [];
    return [this.drawFrame(node, scope, place, body)];
  }

  drawFrame(node, scope, place, body) {
    const key = this.key(place);
    const title = fill(node.title, scope);
    const open = this.isOpen(key, !place.isOneOfMany);
    const content = make("div", { class: "card-body", id: `card-${key}`, hidden: !open }, body);
    const toggle = make(
      "button",
      { type: "button", class: "card-toggle", "aria-expanded": String(open), "aria-controls": `card-${key}`, "data-focus": key },
      icon("chevron"),
      make("span", { dir: "auto" }, title),
    );
    toggle.addEventListener("click", () => {
      content.hidden = !content.hidden;
      toggle.setAttribute("aria-expanded", String(!content.hidden));
      this.setOpen(key, !content.hidden);
    });
    const href = fillUrl(node.meta?.link, scope);
    const link = href ? drawLink(href, `Open ${title}`, `${key}-link`, icon("outside")) : null;
    if (link) link.classList.add("card-link");
    const empty = body.length === 0;
    const heading = empty ? make("div", { class: "card-toggle still" }, make("span", { dir: "auto" }, title)) : toggle;
    return make("section", { class: "card" }, make("div", { class: "card-head" }, heading, link), empty ? null : content);
  }

  drawTools(node, scope, place) {
    const custom = node.meta?.custom ?? {};
    const buttons = (custom.buttons ?? []).map((button, index) => this.drawButton(button, scope, place, index));
    const links = (custom.links ?? []).map((link, index) => this.drawCustomLink(link, scope, place, index));
    const drawn = [...buttons, ...links].filter(Boolean);
    return drawn.length ? make("div", { class: "tools" }, drawn) : null;
  }

  drawButton(button, scope, place, index) {
    const pressed = { widget: this.widget, place, index, button, label: fill(button.label, scope) };
    const ids = { "data-focus": `${this.key(place)}-button-${index}`, "data-testid": `action-${pressed.label}` };
    return make("button", { type: "button", class: "action", ...ids, onclick: () => this.press(pressed) }, pressed.label);
  }

  drawCustomLink(link, scope, place, index) {
    const href = fillUrl(link.url, scope);
    const label = fill(link.label, scope).trim();
    if (!href || !label) return null;
    this.hasValue = true;
    const drawn = drawLink(href, null, `${this.key(place)}-link-${index}`, make("span", { dir: "auto" }, label), icon("outside"));
    drawn.classList.add("custom-link");
    return drawn;
  }

  key(place) {
    return [this.widget.id, ...place.nodes, "i", ...place.items].join("-");
  }
}

function drawLink(href, label, focusKey, ...children) {
  const attributes = { href, target: "_blank", rel: "noopener noreferrer", "aria-label": label, "data-focus": focusKey };
  return make("a", attributes, ...children);
}

/** Join neighbouring rows into one description list. */
function groupRows(elements) {
  const grouped = [];
  for (const element of elements) {
    const rows = element.classList.contains("row") ? [element] : element.tagName === "DL" ? [...element.children] : null;
    if (!rows) grouped.push(element);
    else if (grouped.at(-1)?.tagName === "DL") grouped.at(-1).append(...rows);
    else grouped.push(make("dl", { class: "rows" }, rows));
  }
  return grouped;
}
