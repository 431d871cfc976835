// The right-hand sidebar: the customer, and each installed widget.

import { make, refill } from "/page/elements.js";
import { WidgetView } from "/page/widget.js";

export class Sidebar {
  /** `press` is called when an action button is clicked. */
  constructor(container, customerPanel, press) {
    this.container = container;
    this.customerPanel = customerPanel;
    this.press = press;
    this.open = new Map();
  }

  /** `customers`: all of the account. */
  show(ticket, customers) {
    const widgets = ticket.widgets.map((widget) => this.drawWidget(widget, ticket));
    const nothing = "No widget is installed in this account. Install one over the Gorgias REST API, and it appears here.";
    refill(this.container, this.customerPanel.draw(ticket, customers), widgets.length ? widgets : drawHint(nothing));
  }

  clear() {
    this.container.replaceChildren();
  }

  drawWidget(widget, ticket) {
    const integration = widget.integration;
    if (!integration) return drawHint("The integration of this widget is gone. Install it again, or remove the widget.");
    const warning = integration.deactivated_datetime
      ? drawHint(`Gorgias has switched “${integration.name}” off after too many failed calls. Switch it on over its REST API.`)
      : null;
    const view = new WidgetView(widget, {
      isOpen: (key, byDefault) => this.open.get(`${ticket.customer_id}/${key}`) ?? byDefault,
      setOpen: (key, open) => this.open.set(`${ticket.customer_id}/${key}`, open),
      press: this.press,
    });
    const drawn = widget.held ? view.draw() : [];
    const waiting = "No data for this customer yet. Add a tag or write a message: a ticket event fetches it.";
    const empty = `“${integration.name}” answered without anything that this widget shows.`;
    const content = drawn.length ? drawn : drawHint(widget.held ? empty : waiting);
    return make("div", { class: "widget", "data-testid": `widget-${widget.id}` }, warning, content);
  }
}

function drawHint(text) {
  return make("p", { class: "hint" }, text);
}
