// One row of a card: a title, a value, and a button that copies it.

import { icon, make, makeText } from "/page/elements.js";
import { fill, findValue } from "/page/template.js";

const COPIED_MS = 1600;
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** The row of a text, boolean, date, url or email node; null where its path has no value. */
export function drawRow(node, scope, focusKey) {
  const text = readText(node, findValue(scope, node.path));
  if (text === null) return null;
  const title = fill(node.title, scope);
  return make(
    "div",
    { class: "row", "data-testid": `row-${title}` },
    make("dt", { dir: "auto" }, title),
    make("dd", {}, drawValue(node.type, text), drawCopyButton(title, text, focusKey)),
  );
}

function readText(node, value) {
  if (value === undefined || value === null || value === "") return null;
  if (node.type === "boolean") return ["False", "false", false, 0].includes(value) ? "No" : "Yes";
  if (node.type === "date") return readDate(value);
  if (Array.isArray(value)) return value.filter((item) => typeof item !== "object").join(", ") || null;
  return typeof value === "object" ? null : String(value);
}

function readDate(value) {
  const time = new Date(typeof value === "number" ? value * 1000 : value);
  return Number.isNaN(time.getTime()) ? String(value) : DATE.format(time);
}

function drawValue(type, text) {
  if (type === "url" && /^https?:/i.test(text)) {
    return make("a", { class: "value", dir: "auto", href: text, target: "_blank", rel: "noopener noreferrer" }, text);
  }
  if (type === "email") return make("a", { class: "value", dir: "auto", href: `mailto:${text}` }, text);
  return make("span", { class: "value", dir: "auto" }, makeText(text));
}

function drawCopyButton(title, text, focusKey) {
  const label = `Copy ${title}`;
  const button = make("button", { type: "button", class: "copy", "aria-label": label, "data-focus": focusKey }, icon("copy"));
  const said = make("span", { class: "copied", role: "status" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied";
    button.replaceChildren(icon("check"));
    setTimeout(() => {
      said.textContent = "";
      button.replaceChildren(icon("copy"));
    }, COPIED_MS);
  });
  return [button, said];
}
