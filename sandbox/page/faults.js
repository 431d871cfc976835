// The faults of a stand-in that are switched on.

import { send } from "/page/api.js";
import { icon, make } from "/page/elements.js";

const KINDS = {
  latency: "answers late",
  status: "answers with an error status",
  refuse: "closes the connection",
  reset: "resets the connection",
  lost_answer: "does it, then loses the answer",
  hang: "never answers",
  slow_body: "answers byte by byte",
  bad_json: "answers bad JSON",
  half_json: "answers half a JSON",
  html: "answers an HTML page",
  wrong_types: "answers wrong types",
};
const WITH_SECONDS = new Set(["latency", "slow_body"]);

/** The choices for a fault: calls by name, kinds, statuses. */
export const TRIFFT = {
  name: "TRIFFT",
  operations: {
    "*": "every call",
    find: "find member",
    get: "get member",
    coupons: "list coupons",
    credit: "add points",
    debit: "take points",
    movements: "list movements",
    assign: "assign coupon",
    probe: "probe",
  },
  kinds: Object.keys(KINDS),
  statuses: [500, 503, 429, 401, 403, 404, 402, 400],
};
export const GORGIAS = {
  name: "Gorgias",
  operations: {
    "*": "every call of its API",
    get_ticket: "get ticket",
    get_customer: "get customer",
    create_message: "write note",
    list_messages: "list messages",
  },
  kinds: ["latency", "status", "reset", "lost_answer", "hang"],
  statuses: [500, 502, 503, 429, 401, 403, 404, 409, 400],
};

/** `path`: of the stand-in's faults. `run(change)` makes a change and redraws the drawer. */
export function drawFaults(system, faults, path, run) {
  const list = faults.map((fault) => drawFault(system, fault, () => run(() => send("DELETE", `${path}/${fault.id}`))));
  const none = make("p", { class: "hint" }, `${system.name} behaves well.`);
  const title = `${system.name} misbehaves`;
  return make(
    "section",
    { role: "group", "aria-label": title },
    make("h3", {}, title),
    faults.length ? make("ul", { class: "faults", role: "list" }, list) : none,
    drawForm(system, (fault) => run(() => send("POST", path, fault))),
  );
}

function drawFault(system, fault, clear) {
  const details = [
    fault.status ? `HTTP ${fault.status}` : null,
    WITH_SECONDS.has(fault.kind) && fault.seconds ? `${fault.seconds} s` : null,
    fault.remaining === null ? null : `${fault.remaining} more ${fault.remaining === 1 ? "time" : "times"}`,
  ];
  const text = [`${system.operations[fault.operation]}: ${KINDS[fault.kind]}`, ...details.filter(Boolean)].join(" · ");
  const button = make("button", { type: "button", class: "bare", "aria-label": `Clear: ${text}`, onclick: clear }, icon("close"));
  return make("li", {}, make("span", {}, text), button);
}

function drawForm(system, add) {
  const operation = drawSelect("Call", Object.entries(system.operations));
  const kind = drawSelect("Misbehaviour", system.kinds.map((name) => [name, KINDS[name]]));
  const status = drawSelect("Status", system.statuses.map((code) => [code, String(code)]));
  const seconds = make("input", { type: "number", min: 0.1, max: 120, step: 0.1, value: 3, "aria-label": "Seconds" });
  const times = make("input", { type: "number", min: 1, step: 1, placeholder: "always", "aria-label": "Times" });
  const fit = () => {
    status.parentElement.hidden = kind.value !== "status";
    seconds.parentElement.hidden = !WITH_SECONDS.has(kind.value);
  };
  const submit = () =>
    add({
      operation: operation.value,
      kind: kind.value,
      ...(kind.value === "status" ? { status: Number(status.value) } : {}),
      ...(WITH_SECONDS.has(kind.value) ? { seconds: seconds.valueAsNumber } : {}),
      times: Number.isNaN(times.valueAsNumber) ? null : times.valueAsNumber,
    });
  const fields = [["Call", operation], ["Does what", kind], ["Status", status], ["Seconds", seconds], ["Times", times]];
  const drawn = fields.map(([name, control]) => make("label", {}, make("span", {}, name), control));
  fit();
  kind.addEventListener("change", fit);
  return make("div", { class: "fault-form" }, drawn, make("button", { type: "button", class: "quiet", onclick: submit }, "Set"));
}

function drawSelect(label, choices) {
  return make("select", { "aria-label": label }, choices.map(([value, text]) => make("option", { value }, text)));
}
