// One member: all editable fields, and the wallet's movements.

import { drawCoupons } from "/page/admin-coupons.js";
import { drawMovements } from "/page/admin-movements.js";
import { ApiError, get, send } from "/page/api.js";
import { make, refill } from "/page/elements.js";

const SAVED = "Saved. The helpdesk shows it after the next ticket event.";

export class MemberPage {
  constructor(main, project, memberId) {
    this.main = main;
    this.project = project;
    this.path = `trifft/${project}/members/${memberId}`;
    this.status = make("p", { class: "saved", role: "status", "data-testid": "saved" });
  }

  async load() {
    this.show(await get(this.path));
  }

  /** `form`: the present form with its typed values; without it a new one is made. */
  show(member, form = this.drawForm(member)) {
    this.form = form;
    const name = [member.first_name, member.last_name].filter(Boolean).join(" ").trim() || "No name";
    document.title = `${name} · TRIFFT Admin (sandbox)`;
    const change = (method, path, body) => this.change(method, path, body);
    refill(
      this.main,
      make("p", { class: "crumbs" }, make("a", { href: `/trifft-admin/${this.project}/` }, "Members")),
      make("h1", { dir: "auto" }, name),
      make("p", { class: "member-id" }, member.id),
      this.status,
      form,
      drawCoupons(member, change),
      drawMovements(member, change),
    );
  }

  /** Send a change, and show the changed member. */
  async change(method, path, body) {
    try {
      const member = await send(method, `${this.path}${path}`, body);
      this.show(member, path.startsWith("/coupons") ? this.form : undefined);
      this.say(SAVED, true);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(error.message, false);
    }
  }

  say(text, good) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", !good);
  }

  drawForm(member) {
    const fields = FIELDS.map((field) => ({ field, input: field.draw(field.read(member)) }));
    const form = make(
      "form",
      { class: "panel member-form", novalidate: true, "aria-label": "Member" },
      fields.map(({ field, input }) => make("label", { class: field.kind }, make("span", {}, field.label), input)),
      make("button", { type: "submit", class: "primary", "data-focus": "save" }, "Save"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const changed = fields.filter(({ field, input }) => field.value(input) !== field.read(member));
      try {
        const written = changed.map(({ field, input }) => [field.key, field.write(field.value(input), member)]);
        this.change("PATCH", "", Object.fromEntries(written));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        this.say(`Correct the JSON and save again: ${error.message}.`, false);
      }
    });
    return form;
  }
}

/** A text field; `write` converts it to the member's value. Empty means no value. */
function text(key, label, { read = (member) => member[key] ?? "", write = (value) => value || null, ...attributes } = {}) {
  return {
    key,
    label,
    kind: "text",
    read,
    write,
    value: (input) => input.value,
    draw: (value) => {
      const input = make("input", { name: key, dir: "auto", autocomplete: "off", "data-focus": key, ...attributes });
      input.value = value;
      return input;
    },
  };
}

/** A field for any JSON; `empty` is its value when nothing is typed. */
function json(key, label, empty) {
  const isEmpty = (value) => JSON.stringify(value) === JSON.stringify(empty);
  return {
    key,
    label,
    kind: "text",
    read: (member) => (isEmpty(member[key]) ? "" : JSON.stringify(member[key])),
    write: (value) => (value.trim() ? JSON.parse(value) : empty),
    value: (input) => input.value,
    draw: (value) => {
      const input = make("textarea", { name: key, rows: 2, spellcheck: "false", "data-focus": key });
      input.value = value;
      return input;
    },
  };
}

function choice(key, label, choices) {
  const draw = (value) => make("select", { name: key, "data-focus": key }, choices.map((one) => make("option", { selected: one === value }, one)));
  return { key, label, kind: "text", draw, read: (member) => member[key], write: (value) => value, value: (input) => input.value };
}

function flag(key, label) {
  const draw = (value) => make("input", { name: key, type: "checkbox", checked: value, "data-focus": key });
  return { key, label, kind: "flag", draw, read: (member) => member[key], write: (value) => value, value: (input) => input.checked };
}

const makeSlug = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "x";

const SEGMENTS = {
  read: (member) => member.segments.map((segment) => segment.name).join(", "),
  write: (value, member) => {
    const names = [...new Set(value.split(",").map((name) => name.trim()).filter(Boolean))];
    return names.map((name) => member.segments.find((segment) => segment.name === name) ?? { slug: makeSlug(name), name });
  },
};
const NAMES = {
  read: (member) => member.left_out.join(", "),
  write: (value) => value.split(",").map((name) => name.trim()).filter(Boolean),
};
const byName = (key) => ({
  read: (member) => member[key]?.name ?? "",
  write: (value) => (value.trim() ? { id: makeSlug(value), name: value } : null),
});

const FIELDS = [
  text("first_name", "First name"),
  text("last_name", "Last name"),
  text("email", "E-mail", { type: "email" }),
  text("phone", "Phone"),
  text("support_id", "Support ID"),
  text("points", "Points", { inputmode: "decimal", read: (member) => String(member.points), write: (value) => value.trim() }),
  text("tier", "Tier", byName("tier")),
  text("favorite_venue", "Favourite location", byName("favorite_venue")),
  text("segments", "Segments, separated by commas", SEGMENTS),
  text("locale", "Language", { write: (value) => value }),
  choice("status", "Status", ["active", "blocked", "anonymised"]),
  flag("wallet", "Points are in use for this member"),
  flag("delayed_credits", "Credits wait until they are booked"),
  json("more_wallets", 'More wallets, for example [{"id": "bonus", "name": "Bonus", "points": 40}]', []),
  json("expiring_points", 'Points that expire next, for example {"points": 200, "expires_at": 1798757999}', null),
  text("next_tier_at", "The next tier begins at so many points", { inputmode: "decimal", read: (member) => String(member.next_tier_at ?? ""), write: (value) => value.trim() || null }),
  text("birthday", "Birthday, for example 1990-03-12", { write: (value) => value.trim() || null }),
  json("overrides", 'Fields as any JSON, for example {"points": "1 240", "status": "suspended"}', {}),
  text("left_out", "Fields left out, separated by commas", NAMES),
  json("receipt_overrides", 'Fields of a credit\'s answer as any JSON, for example {"balance": "1 340"}', {}),
];
