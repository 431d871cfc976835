// What was booked on a member's wallet, newest first.

import { make } from "/page/elements.js";
import { formatMoment } from "/page/time.js";

/** `change(method, path, body)` changes the member. */
export function drawMovements(member, change) {
  const head = ["When", "Points", "Note", "Reference"].map((name) => make("th", { scope: "col" }, name));
  const rows = member.movements.toReversed().map(drawMovement);
  const table = make("div", { class: "table", tabindex: "0" }, make("table", { "data-testid": "movements" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
  const release = make("button", { type: "button", class: "quiet", onclick: () => change("POST", "/release", {}) }, "Book what waits");
  return make(
    "section",
    { class: "panel", "aria-label": "Movements" },
    make("h2", {}, `Movements (${member.movements.length})`),
    member.movements.some((movement) => movement.pending) ? release : null,
    member.movements.length ? table : make("p", { class: "hint" }, "Nothing was booked yet."),
  );
}

function drawMovement(movement) {
  const when = formatMoment(new Date(movement.created_at * 1000).toISOString());
  const change = Number(movement.change) > 0 ? `+${movement.change}` : String(movement.change);
  const cells = [when, movement.pending ? `${change} (waits)` : change, movement.note ?? "–", movement.reference ?? "–"];
  return make("tr", {}, cells.map((text) => make("td", { dir: "auto" }, text)));
}
