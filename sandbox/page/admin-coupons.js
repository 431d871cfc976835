// A member's own coupons. Leaving a cell saves it.

import { icon, make, makeTable } from "/page/elements.js";

const STATES = ["assigned", "activated", "redeemed", "expired"];

/** `change(method, path, body)` changes the member. */
export function drawCoupons(member, change) {
  const rows = member.coupons.map((coupon) => drawCoupon(coupon, change));
  const table = makeTable(["Name", "Value", "State", "Last day", "Fields as any JSON", ""], rows);
  return make(
    "section",
    { class: "panel", "aria-label": "Coupons" },
    make("h2", {}, `Coupons (${member.coupons.length})`),
    member.coupons.length ? table : make("p", { class: "hint" }, "This member has no coupons."),
    drawNew(change),
  );
}

function drawCoupon(coupon, change) {
  const save = (key, value) => change("PATCH", `/coupons/${coupon.id}`, { [key]: value });
  const key = (column) => ({ "aria-label": column, "data-focus": `${coupon.id} ${column}` });
  const name = drawInput(key("Name"), coupon.coupon.name, (value) => save("name", value));
  const value = drawInput(key("Value"), coupon.redeem_value ?? "", (text) => save("redeem_value", text || null));
  const state = make(
    "select",
    { ...key("State"), onchange: (event) => save("state", event.target.value) },
    STATES.map((one) => make("option", { selected: one === coupon.state }, one)),
  );
  const until = drawInput(
    { ...key("Last day"), type: "date" },
    readDay(coupon.valid_until),
    (day) => save("valid_until", endOfDay(day)),
  );
  const isPlain = Object.keys(coupon.overrides).length === 0;
  const raw = drawInput(
    { ...key("Fields as any JSON"), placeholder: '{"valid_until": "2026-12-31"}' },
    isPlain ? "" : JSON.stringify(coupon.overrides),
    (text) => saveJson(raw, text, save),
  );
  const removal = { "aria-label": `Remove ${coupon.coupon.name}`, onclick: () => change("DELETE", `/coupons/${coupon.id}`) };
  const remove = make("button", { type: "button", class: "bare", ...removal }, icon("close"));
  return make("tr", {}, [name, value, state, until, raw, remove].map((control) => make("td", {}, control)));
}

function saveJson(input, text, save) {
  try {
    const overrides = text.trim() ? JSON.parse(text) : {};
    input.setCustomValidity("");
    save("overrides", overrides);
  } catch (error) {
    input.setCustomValidity(`Correct the JSON: ${error.message}`);
    input.reportValidity();
  }
}

function drawInput(attributes, value, save) {
  const input = make("input", { ...attributes, dir: "auto", onchange: () => save(input.value) });
  input.value = value;
  return input;
}

function drawNew(change) {
  const name = make("input", { "aria-label": "New coupon", placeholder: "New coupon", dir: "auto", "data-focus": "new-coupon" });
  const value = make("input", { "aria-label": "Its value", placeholder: "Value, for example 5 EUR", dir: "auto" });
  const form = make("form", { class: "inline-form", novalidate: true }, name, value, make("button", { class: "quiet" }, "Add coupon"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change("POST", "/coupons", { name: name.value, redeem_value: value.value || null });
  });
  return form;
}

/** Days are in the reader's zone: a coupon lasts until the end of its last day. */
function readDay(seconds) {
  if (seconds === null) return "";
  const time = new Date(seconds * 1000);
  return [time.getFullYear(), time.getMonth() + 1, time.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function endOfDay(day) {
  return day ? Math.floor(new Date(`${day}T23:59:59`).getTime() / 1000) : null;
}
