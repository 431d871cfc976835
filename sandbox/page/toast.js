// A short message that disappears by itself.

import { make, makeText } from "/page/elements.js";

const SHOWN_MS = 6000;

export function makeAnnouncer(container) {
  return (sentence) => {
    const toast = make("p", { class: "toast", dir: "auto", "data-testid": "toast" }, makeText(sentence));
    container.append(toast);
    setTimeout(() => toast.remove(), SHOWN_MS);
  };
}
