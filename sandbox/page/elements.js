// Building the page's elements. Every text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  chevron: "M6 9l6 6 6-6",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5l4.5 4.5L19 7.5",
  outside: "M14 5h5v5M19 5l-8 8M11 6H5v13h13v-6",
  close: "M6 6l12 12M18 6L6 18",
};

/** An element with attributes, listeners (`onclick: f`) and children; null children are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Split a text, so that no line breaks inside an award's number. */
export function makeText(text) {
  return text.split(/\b(A-\d+)\b/).map((part, index) => (index % 2 ? make("span", { class: "unbroken" }, part) : part));
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A table that can be scrolled sideways, also by keyboard. */
export function makeTable(columns, rows, attributes = {}) {
  const head = columns.map((name) => make("th", { scope: "col" }, name));
  const table = make("table", attributes, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows));
  return make("div", { class: "table", tabindex: "0" }, table);
}

/** Replace a container's children, and restore the focus by `data-focus`. */
export function refill(container, ...children) {
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  container.replaceChildren(...children.flat().filter(Boolean));
  if (focused) container.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
