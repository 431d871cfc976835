// Which account and ticket the address names: #/acme/tickets/4711

export function parseRoute(hash) {
  const [, account = null, , ticketId = null] = hash.split("/");
  return { account, ticketId: ticketId === null ? null : Number(ticketId) };
}

export function makeRoute(account, ticketId) {
  return `#/${account}/tickets/${ticketId}`;
}
