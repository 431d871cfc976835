// The helpdesk page: shows an account and a ticket, and redraws what has changed.

import { ActionDialog } from "/page/action.js";
import { ApiError, get, send } from "/page/api.js";
import { CallPanel } from "/page/calls.js";
import { Conversation } from "/page/conversation.js";
import { CustomerPanel } from "/page/customer.js";
import { make } from "/page/elements.js";
import { waitForRelease } from "/page/pointer.js";
import { makeRoute, parseRoute } from "/page/route.js";
import { SettingsDrawer } from "/page/settings.js";
import { Sidebar } from "/page/sidebar.js";
import { TicketList } from "/page/tickets.js";
import { makeAnnouncer } from "/page/toast.js";

const GATHER_MS = 40;
const byId = (id) => document.getElementById(id);

class Helpdesk {
  constructor(accounts) {
    this.accounts = accounts;
    this.announce = makeAnnouncer(byId("toasts"));
    this.tickets = new TicketList(byId("tickets"));
    this.conversation = new Conversation(byId("conversation"), (event, value) => this.fire(event, value));
    this.dialog = new ActionDialog(byId("action-dialog"), () => this.getContext(), this.announce);
    const openTicket = (id) => (location.hash = makeRoute(this.account.name, id));
    const customerPanel = new CustomerPanel((...change) => this.change(...change), openTicket);
    this.sidebar = new Sidebar(byId("sidebar"), customerPanel, (pressed) => this.dialog.open(pressed));
    this.calls = new CallPanel(byId("calls"), byId("calls-button"));
    this.settings = new SettingsDrawer(byId("settings"), byId("settings-button"), () => this.account, this.announce);
    this.drawAccounts();
    this.listenToViews();
    byId("agent").addEventListener("change", () => this.refreshTicket());
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      byId("conversation").focus();
    });
    addEventListener("hashchange", () => this.follow());
    document.addEventListener("visibilitychange", () => this.followVisibility());
  }

  get agent() {
    return this.account.agents.find((agent) => agent.email === byId("agent").value) ?? this.account.agents[0];
  }

  getContext() {
    return { account: this.account.name, ticketId: this.ticketId, agent: this.agent.email };
  }

  /** Show the ticket in the URL; without one, the account's first ticket. */
  async follow() {
    const { hash } = location;
    const { account: name, ticketId } = parseRoute(hash);
    const account = this.accounts.find((one) => one.name === name) ?? this.accounts[0];
    if (account !== this.account) await this.enter(account);
    if (location.hash !== hash) return; // it changed meanwhile, and another call handles that
    if (ticketId === null) {
      location.replace(makeRoute(account.name, this.rows[0].id));
      return;
    }
    this.ticketId = ticketId;
    await this.refresh();
  }

  async enter(account) {
    this.account = account;
    this.ticketId = null;
    this.rows = await get(`gorgias/${account.name}/tickets`);
    byId("agent").replaceChildren(...account.agents.map((agent) => make("option", { value: agent.email }, agent.name)));
    for (const link of byId("accounts").children) {
      if (link.dataset.account === account.name) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.listenToUpdates(account.name);
    await this.calls.setAccount(account.name);
  }

  async refresh() {
    const { account } = this;
    const rows = await get(`gorgias/${account.name}/tickets`);
    await waitForRelease();
    if (account !== this.account) return; // another one is shown meanwhile
    this.rows = rows;
    this.tickets.show(account.name, this.rows, this.ticketId);
    await this.refreshTicket();
  }

  async refreshTicket({ sidebarOnly = false } = {}) {
    const wanted = this.ticketId;
    if (wanted === null) return;
    try {
      const ticket = await get(`gorgias/${this.account.name}/tickets/${wanted}`);
      await waitForRelease();
      if (wanted !== this.ticketId) return; // another one is shown meanwhile
      document.title = `#${ticket.id} ${ticket.subject} · Sandbox helpdesk`;
      if (!sidebarOnly) this.conversation.show(ticket, this.agent, this.account.agents);
      this.sidebar.show(ticket, listCustomers(this.rows));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (wanted !== this.ticketId) return;
      this.conversation.clear(`There is no ticket ${wanted} in this account. Choose one from the list.`);
      this.sidebar.clear();
    }
  }

  async fire(event, value = null) {
    const { ticketId, agent } = this.getContext();
    await this.change("POST", `tickets/${ticketId}/events`, { event, value, agent });
  }

  /** Change something of the account; return the answer, or null if it was refused. */
  async change(method, path, body) {
    try {
      const answer = await send(method, `gorgias/${this.account.name}/${path}`, body);
      if (answer.changed === false) this.announce("Nothing changed, so nothing was sent.");
      return answer;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.announce(error.message);
      return null;
    }
  }

  /** Updates come in bursts: redraw once for each burst. */
  listenToUpdates(name) {
    this.source?.close();
    this.source = new EventSource(`/sandbox/gorgias/${name}/updates`);
    this.hasMissed = true; // what changes before it is open
    const topics = new Set();
    const drawAnew = () => {
      const seen = [...topics];
      topics.clear();
      if (seen.includes("ticket")) this.refresh();
      else if (seen.includes("sidebar")) this.refreshTicket({ sidebarOnly: true });
      if (seen.includes("calls")) this.calls.refresh();
    };
    this.source.addEventListener("error", () => (this.hasMissed = true));
    this.source.addEventListener("open", () => this.catchUp());
    this.source.addEventListener("message", (event) => {
      if (!topics.size) setTimeout(drawAnew, GATHER_MS);
      topics.add(JSON.parse(event.data).topic);
    });
  }

  /** Reload after the sandbox was away or the page was hidden. */
  catchUp() {
    if (!this.hasMissed) return;
    this.hasMissed = false;
    this.refresh();
    this.calls.refresh();
  }

  /** A hidden page does not listen: a browser limits its connections to one host. */
  followVisibility() {
    if (document.hidden) {
      this.source?.close();
      this.hasMissed = true;
    } else if (this.account) this.listenToUpdates(this.account.name);
  }

  drawAccounts() {
    const links = this.accounts.map((account) => make("a", { href: `#/${account.name}`, "data-account": account.name }, account.title));
    byId("accounts").replaceChildren(...links);
  }

  listenToViews() {
    for (const button of byId("views").children) button.addEventListener("click", () => this.setView(button.dataset.view));
    byId("tickets").addEventListener("click", (event) => event.target.closest("a") && this.setView("conversation"));
    this.setView(parseRoute(location.hash).ticketId === null ? "tickets" : "conversation");
  }

  /** A narrow page shows one of the three columns. */
  setView(view) {
    document.body.dataset.view = view;
    for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
}

/** Each customer once, `{id, name}`, in the order of the tickets. */
function listCustomers(rows) {
  const names = new Map(rows.map((ticket) => [ticket.customer_id, ticket.customer_name]));
  return [...names].map(([id, name]) => ({ id, name }));
}

const helpdesk = new Helpdesk(await get("gorgias"));
await helpdesk.follow();
