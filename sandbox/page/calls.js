// The log of requests that the helpdesk sent.

import { get, send } from "/page/api.js";
import { icon, make, refill } from "/page/elements.js";
import { formatClock } from "/page/time.js";

export class CallPanel {
  constructor(panel, button) {
    this.panel = panel;
    this.button = button;
    this.expanded = new Set();
    button.addEventListener("click", () => this.toggle());
    panel.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle());
  }

  async setAccount(account) {
    this.account = account;
    await this.refresh();
  }

  async toggle() {
    const open = this.panel.hidden;
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return this.button.focus();
    await this.refresh();
    this.panel.querySelector("button")?.focus();
  }

  async refresh() {
    if (this.panel.hidden || !this.account) return;
    const calls = await get(`gorgias/${this.account}/calls`);
    const clear = () => send("DELETE", `gorgias/${this.account}/calls`);
    const scrollTop = this.panel.querySelector(".calls-list")?.scrollTop ?? 0;
    const list = make("ol", { class: "calls-list", role: "list" }, calls.map((call) => this.drawCall(call)));
    const nothing = make("p", { class: "hint" }, "No call has gone out yet. A ticket event or an action sends one.");
    refill(
      this.panel,
      make(
        "header",
        { class: "calls-head" },
        make("h2", {}, "Calls"),
        make("p", {}, "What this account sent out, newest first. Credentials are masked."),
        make("button", { type: "button", class: "quiet", "data-focus": "calls-clear", onclick: clear }, "Clear"),
        make("button", { type: "button", class: "bare", "aria-label": "Close calls", onclick: () => this.toggle() }, icon("close")),
      ),
      calls.length ? list : nothing,
    );
    list.scrollTop = scrollTop;
  }

  drawCall(call) {
    const details = make("details", { open: this.expanded.has(call.id), "data-testid": `call-${call.id}` });
    const good = call.status >= 200 && call.status < 300;
    const attempt = call.attempt > 1 ? ` (attempt ${call.attempt})` : "";
    const summary = make(
      "summary",
      { "data-focus": `call-${call.id}` },
      make("time", { datetime: call.time }, formatClock(call.time)),
      make("span", { class: "call-why" }, `${call.reason}${attempt}`),
      make("span", { class: "call-where", dir: "ltr" }, `#${call.ticket_id} · ${call.method} ${call.url}`),
      make("span", { class: `call-status ${good ? "good" : "bad"}` }, String(call.status ?? "no answer")),
      make("span", { class: "call-ms" }, `${Math.round(call.duration_ms)} ms`),
    );
    details.append(summary, drawExchange(call));
    details.addEventListener("toggle", () => (details.open ? this.expanded.add(call.id) : this.expanded.delete(call.id)));
    return make("li", {}, details);
  }
}

function drawExchange(call) {
  const request = [`${call.method} ${call.url}`, ...listHeaders(call.request_headers), "", beautify(call.request_body)];
  const first = call.status === null ? call.error : `HTTP ${call.status}`;
  const response = [first, ...listHeaders(call.response_headers), "", beautify(call.response_body)];
  return make("div", { class: "exchange" }, drawPart(`Request · ${call.source}`, request), drawPart("Response", response));
}

function drawPart(title, lines) {
  return make("section", {}, make("h3", {}, title), make("pre", { tabindex: "0", dir: "ltr" }, lines.join("\n").trim()));
}

function listHeaders(headers) {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

function beautify(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
