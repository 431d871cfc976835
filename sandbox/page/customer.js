// The ticket's customer: who it is, and controls that change the channels, merge, and start tickets.

import { icon, make } from "/page/elements.js";

const TYPES = {
  email: "E-mail",
  phone: "Phone",
  whatsapp: "WhatsApp",
  chat: "Chat",
  "instagram-direct-message": "Instagram message",
  instagram: "Instagram",
  facebook: "Facebook",
  twitter: "Twitter",
};
const WRITTEN = ["chat", "whatsapp", "phone", "email"];

export class CustomerPanel {
  /** `change(method, path, body)` calls the account's API; `openTicket(id)` shows a ticket. */
  constructor(change, openTicket) {
    this.change = change;
    this.openTicket = openTicket;
    this.isOpen = false;
    this.drafts = new Map();
  }

  /** `others`: all customers of the account, each `{id, name}`. */
  draw(ticket, others) {
    const { customer } = ticket;
    const lines = customer.channels.map(nameChannel);
    const details = lines.length ? lines : ["No e-mail, no phone"];
    const person = make(
      "div",
      { class: "person" },
      make("span", { class: "avatar", "aria-hidden": "true" }, [...customer.name][0]?.toUpperCase() ?? "?"),
      make(
        "div",
        {},
        make("h2", { dir: "auto" }, customer.name),
        details.map((line) => make("p", { dir: "auto" }, line)),
      ),
    );
    const tools = make(
      "details",
      { class: "customer-tools", open: this.isOpen, "data-testid": "customer-tools" },
      // Not by the toggle event, which comes later than a redraw may.
      make("summary", { "data-focus": "customer-tools", onclick: () => (this.isOpen = !tools.open) }, "Change or merge"),
      this.drawChannels(customer),
      this.drawOthers(ticket, others.filter((one) => one.id !== customer.id)),
      this.drawStart(customer),
    );
    return make("section", { "aria-label": "Customer" }, person, tools);
  }

  drawChannels(customer) {
    const save = (channels) =>
      this.change("PUT", `customers/${customer.id}/channels`, channels.map(({ type, address }) => ({ type, address })));
    const type = this.drawSelect("channel-type", "Type of the channel", Object.entries(TYPES));
    const address = make("input", { "aria-label": "Address", placeholder: "Address", autocomplete: "off", dir: "auto", ...id("channel-address") });
    this.keep(address, "input");
    const add = async () => {
      const typed = address.value.trim();
      if (!typed) return address.focus();
      if (await save([...customer.channels, { type: type.value, address: typed }])) this.drop(address);
    };
    address.addEventListener("keydown", (event) => event.key === "Enter" && add());
    const remove = (removed) => {
      address.focus(); // the button goes
      save(customer.channels.filter((one) => one !== removed));
    };
    const items = customer.channels.map((one) => drawChannel(one, () => remove(one)));
    return make(
      "fieldset",
      {},
      make("legend", {}, "Channels"),
      items.length ? make("ul", { role: "list" }, items) : null,
      make("div", { class: "customer-row" }, type, address, drawButton("channel-add", "Add channel", add)),
    );
  }

  drawOthers(ticket, others) {
    const other = this.drawSelect("other-customer", "Another customer", others.map((one) => [one.id, `${one.name} (${one.id})`]));
    const getBody = () => ({ customer_id: Number(other.value) });
    const merge = () => this.change("POST", `customers/${ticket.customer.id}/merge`, getBody());
    const move = () => this.change("PUT", `tickets/${ticket.id}/customer`, getBody());
    return make(
      "fieldset",
      {},
      make("legend", {}, "Another customer"),
      make(
        "div",
        { class: "customer-row" },
        other,
        drawButton("customer-merge", "Merge into that one", merge),
        drawButton("customer-move", "Move the ticket there", move),
      ),
    );
  }

  drawStart(customer) {
    const channel = this.drawSelect("start-channel", "Channel of the new ticket", WRITTEN.map((type) => [type, TYPES[type]]));
    const start = async (customerId) => {
      const made = await this.change("POST", "tickets", { channel: channel.value, customer_id: customerId });
      if (made) this.openTicket(made.id);
    };
    return make(
      "fieldset",
      {},
      make("legend", {}, "New ticket"),
      make(
        "div",
        { class: "customer-row" },
        channel,
        drawButton("start-same", "This customer writes", () => start(customer.id)),
        drawButton("start-new", "Somebody new writes", () => start(null)),
      ),
    );
  }

  drawSelect(key, label, choices) {
    const options = choices.map(([value, text]) => make("option", { value }, text));
    const select = make("select", { "aria-label": label, ...id(key) }, options);
    this.keep(select, "change");
    return select;
  }

  /** Keep what a control holds while the sidebar is drawn anew. */
  keep(control, event) {
    const key = control.dataset.focus;
    if (this.drafts.has(key)) control.value = this.drafts.get(key);
    if (control.selectedIndex === -1) control.selectedIndex = 0; // the choice is gone
    control.addEventListener(event, () => this.drafts.set(key, control.value));
  }

  drop(control) {
    this.drafts.delete(control.dataset.focus);
    control.value = "";
  }
}

function id(key) {
  return { "data-testid": key, "data-focus": key };
}

function drawButton(key, label, onclick) {
  return make("button", { type: "button", class: "quiet", ...id(key), onclick }, label);
}

function drawChannel(channel, remove) {
  const text = nameChannel(channel);
  const label = `Remove ${text}`;
  const button = make("button", { type: "button", class: "bare", "aria-label": label, "data-focus": label, onclick: remove }, icon("close"));
  return make("li", {}, make("span", { dir: "auto" }, text), button);
}

/** An opaque address alone says nothing, so its type stands before it. */
function nameChannel({ type, address }) {
  return type === "email" || type === "phone" ? address : `${TYPES[type] ?? type} · ${address}`;
}
