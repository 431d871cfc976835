// Formats times for people, in the reader's zone.

const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const formatMoment = (iso) => DAY_AND_TIME.format(new Date(iso));
export const formatClock = (iso) => CLOCK.format(new Date(iso));
