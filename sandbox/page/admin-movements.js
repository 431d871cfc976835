// The movements of a member's wallet, newest first.

import { make, makeTable, makeText } from "/page/elements.js";
import { formatMoment } from "/page/time.js";

/** `change(method, path, body)` changes the member. */
export function drawMovements(member, change) {
  const rows = member.movements.toReversed().map(drawMovement);
  const table = makeTable(["When", "Points", "Note", "Reference"], rows, { "data-testid": "movements" });
  const release = make("button", { type: "button", class: "quiet", onclick: () => change("POST", "/release", {}) }, "Book what waits");
  return make(
    "section",
    { class: "panel", "aria-label": "Movements" },
    make("h2", {}, `Movements (${member.movements.length})`),
    member.movements.some((movement) => movement.pending) ? release : null,
    member.movements.length ? table : make("p", { class: "hint" }, "Nothing was booked yet."),
    drawSpending(change),
  );
}

function drawSpending(change) {
  const points = make("input", { "aria-label": "Points to spend", placeholder: "Points", inputmode: "decimal", "data-focus": "spend" });
  const form = make("form", { class: "inline-form", novalidate: true }, points, make("button", { class: "quiet" }, "Spend in the shop"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change("POST", "/spend", { points: points.value.trim() });
  });
  return form;
}

function drawMovement(movement) {
  const when = formatMoment(new Date(movement.created_at * 1000).toISOString());
  const change = Number(movement.change) > 0 ? `+${movement.change}` : String(movement.change);
  const cells = [when, movement.pending ? `${change} (waits)` : change, movement.note || "–", movement.reference || "–"];
  return make("tr", {}, cells.map((text) => make("td", { dir: "auto" }, makeText(text))));
}
