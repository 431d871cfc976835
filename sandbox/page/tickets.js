// The list of tickets.

import { make, refill } from "/page/elements.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

export class TicketList {
  constructor(container) {
    this.container = container;
    container.addEventListener("keydown", (event) => this.step(event));
  }

  show(account, tickets, currentId) {
    const rows = tickets.map((ticket) => drawTicket(account, ticket, ticket.id === currentId));
    const open = tickets.filter((ticket) => ticket.status === "open").length;
    refill(
      this.container,
      make("div", { class: "tickets-head" }, make("h2", {}, "Tickets"), make("span", {}, `${open} open`)),
      make("ul", { role: "list" }, rows),
    );
  }

  step(event) {
    const links = [...this.container.querySelectorAll("a")];
    const position = links.indexOf(document.activeElement);
    if (!(event.key in STEPS) || position < 0) return;
    event.preventDefault();
    links[position + STEPS[event.key]]?.focus();
  }
}

function drawTicket(account, ticket, isCurrent) {
  const attributes = {
    href: `#/${account}/tickets/${ticket.id}`,
    "data-testid": `ticket-${ticket.id}`,
    "data-focus": `ticket-${ticket.id}`,
    "aria-current": isCurrent ? "page" : null,
  };
  const name = make("span", { class: "ticket-name", dir: "auto" }, ticket.customer_name);
  const preview = ticket.status === "closed" ? make("span", { class: "closed" }, "Closed") : ticket.preview;
  const link = make(
    "a",
    attributes,
    make("span", { class: "ticket-top" }, name, make("span", { class: "ticket-number" }, String(ticket.id))),
    make("span", { class: "ticket-subject", dir: "auto" }, ticket.subject),
    make("span", { class: "ticket-preview", dir: "auto" }, preview),
  );
  return make("li", {}, link);
}
