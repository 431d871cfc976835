// The account and the ticket in the URL: #/acme/tickets/4711

export function parseRoute(hash) {
  const [, account = null, , ticketId = null] = hash.split("/");
  return { account, ticketId: ticketId === null ? null : Number(ticketId) };
}

export function makeRoute(account, ticketId) {
  return `#/${account}/tickets/${ticketId}`;
}
