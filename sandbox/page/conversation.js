// A ticket's conversation, and controls that fire its events.

import { make, makeText, refill } from "/page/elements.js";
import { formatMoment } from "/page/time.js";

const FRESH_TAG = "refresh";

export class Conversation {
  /** `fire(event, value)` sends a ticket event. */
  constructor(container, fire) {
    this.container = container;
    this.fire = fire;
    this.drafts = new Map();
    this.typedTags = new Map();
  }

  /** `agent`: the acting user; `agents`: all users of the account. */
  show(ticket, agent, agents) {
    const isNew = this.ticketId !== ticket.id;
    this.ticketId = ticket.id;
    const messages = drawMessages(ticket);
    const previous = this.container.querySelector(".messages");
    const wasAtEnd = !previous || previous.scrollTop + previous.clientHeight >= previous.scrollHeight - 8;
    const scrollTop = previous?.scrollTop ?? 0;
    refill(this.container, this.drawHead(ticket, agents), messages, this.drawComposer(ticket, agent));
    const tags = this.container.querySelector(".tags");
    tags?.scrollTo(0, tags.scrollHeight); // "Remove tag" removes the last one
    messages.scrollTop = isNew || wasAtEnd ? messages.scrollHeight : scrollTop;
  }

  clear(text) {
    this.ticketId = null;
    this.container.replaceChildren(make("p", { class: "hint" }, text));
  }

  drawHead(ticket, agents) {
    const state = ticket.status === "open" ? "Open" : "Closed";
    const events = [this.drawTags(ticket), this.drawAssignee(ticket, agents), this.drawStatus(ticket)];
    return make(
      "header",
      { class: "ticket-head" },
      make("h2", { dir: "auto" }, ticket.subject),
      make(
        "p",
        { class: "ticket-facts" },
        make("span", { class: `state ${ticket.status}` }, state),
        ` #${ticket.id} · ${ticket.channel}`,
      ),
      make("div", { class: "events", role: "group", "aria-label": "Ticket events" }, events),
    );
  }

  drawTags(ticket) {
    const input = make("input", { "aria-label": "Tag", placeholder: "Tag", "data-focus": "tag", autocomplete: "off" });
    input.value = this.typedTags.get(ticket.id) ?? "";
    input.addEventListener("input", () => this.typedTags.set(ticket.id, input.value));
    const take = () => {
      const typed = input.value.trim();
      this.typedTags.delete(ticket.id);
      input.value = "";
      return typed;
    };
    const add = () => this.fire("add-tag", take() || makeFreshTag(ticket.tags));
    const remove = () => {
      const typed = take();
      this.fire("remove-tag", ticket.tags.includes(typed) ? typed : ticket.tags.at(-1));
    };
    input.addEventListener("keydown", (event) => event.key === "Enter" && add());
    const tags = ticket.tags.map((tag) => make("li", { class: "tag", dir: "auto" }, tag));
    return make(
      "div",
      { class: "event-row" },
      make("span", { class: "event-name" }, "Tags"),
      tags.length ? make("ul", { class: "tags", role: "list", tabindex: "0", "aria-label": "Tags" }, tags) : null,
      input,
      drawEvent("event-add-tag", "Add tag", add),
      drawEvent("event-remove-tag", "Remove tag", remove, ticket.tags.length === 0),
    );
  }

  drawAssignee(ticket, agents) {
    const choices = [...agents.map((agent) => [agent.email, agent.name]), ["", "Nobody"]];
    const other = choices.find(([email]) => email !== (ticket.assignee_email ?? ""));
    const options = choices.map(([email, name]) => make("option", { value: email, selected: email === other[0] }, name));
    const select = make("select", { "aria-label": "Assign to", "data-focus": "assignee" }, options);
    const assignee = agents.find((agent) => agent.email === ticket.assignee_email)?.name ?? "Nobody";
    return make(
      "div",
      { class: "event-row" },
      make("span", { class: "event-name" }, "Assignee"),
      make("span", { class: "assignee" }, assignee),
      select,
      drawEvent("event-assign", "Assign", () => this.fire("assign", select.value || null)),
    );
  }

  drawStatus(ticket) {
    const isOpen = ticket.status === "open";
    return make(
      "div",
      { class: "event-row" },
      make("span", { class: "event-name" }, "Status"),
      drawEvent("event-close", "Close", () => this.fire("close"), !isOpen),
      drawEvent("event-reopen", "Reopen", () => this.fire("reopen"), isOpen),
    );
  }

  drawComposer(ticket, agent) {
    const placeholder = "Write a message, or send a stock one";
    const text = make("textarea", { rows: 3, "aria-label": "Message", placeholder, dir: "auto", "data-focus": "message" });
    text.value = this.drafts.get(ticket.id) ?? "";
    text.addEventListener("input", () => this.drafts.set(ticket.id, text.value));
    const sendAs = (event) => {
      this.drafts.delete(ticket.id);
      this.fire(event, text.value.trim() || null);
      text.value = "";
    };
    const reply = drawEvent("event-agent-reply", `Reply as ${agent.name.split(" ")[0]}`, () => sendAs("agent-reply"));
    reply.className = "primary";
    const arrive = drawEvent("event-customer-message", "Customer writes this", () => sendAs("customer-message"));
    return make(
      "section",
      { class: "composer", "aria-label": "New message" },
      text,
      make("div", { class: "composer-tools" }, reply, arrive),
      make("p", { class: "note" }, "Ticket events fetch the customer’s data anew. Opening a ticket or reloading the page does not."),
    );
  }
}

function drawEvent(id, label, onclick, disabled = false) {
  return make("button", { type: "button", class: "quiet", "data-testid": id, "data-focus": id, disabled, onclick }, label);
}

function makeFreshTag(tags) {
  let name = FRESH_TAG;
  for (let number = 2; tags.includes(name); number += 1) name = `${FRESH_TAG}-${number}`;
  return name;
}

function drawMessages(ticket) {
  const drawn = ticket.messages.map((message) => {
    const kind = message.channel === "internal-note" ? "internal" : message.from_agent ? "agent" : "customer";
    return make(
      "li",
      { class: `message ${kind}`, "data-testid": kind === "internal" ? "internal-note" : null },
      make(
        "p",
        { class: "message-head" },
        make("strong", { dir: "auto" }, message.sender_name),
        kind === "internal" ? make("span", { class: "internal-label" }, "Internal note") : null,
        make("time", { datetime: message.created_datetime }, formatMoment(message.created_datetime)),
      ),
      make("p", { class: "message-text", dir: "auto" }, makeText(message.text)),
    );
  });
  return make("ol", { class: "messages", role: "list", tabindex: "0", "aria-label": "Messages" }, drawn);
}
