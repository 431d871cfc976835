// The ways in which TRIFFT misbehaves at the moment.

import { send } from "/page/api.js";
import { icon, make } from "/page/elements.js";

const OPERATIONS = {
  "*": "every call",
  find: "find member",
  get: "get member",
  coupons: "list coupons",
  credit: "add points",
  debit: "take points",
  movements: "list movements",
  assign: "assign coupon",
  probe: "probe",
};
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
const STATUSES = [500, 503, 429, 401, 403, 404, 402, 400];
const WITH_SECONDS = new Set(["latency", "slow_body"]);

/** `run(change)` carries a change out and draws the drawer anew. */
export function drawFaults(faults, project, run) {
  const list = faults.map((fault) => drawFault(fault, () => run(() => send("DELETE", `trifft/${project}/faults/${fault.id}`))));
  const none = make("p", { class: "hint" }, "TRIFFT behaves well.");
  return make(
    "section",
    { role: "group", "aria-label": "TRIFFT misbehaves" },
    make("h3", {}, "TRIFFT misbehaves"),
    faults.length ? make("ul", { class: "faults", role: "list" }, list) : none,
    drawForm((fault) => run(() => send("POST", `trifft/${project}/faults`, fault))),
  );
}

function drawFault(fault, clear) {
  const details = [
    fault.status ? `HTTP ${fault.status}` : null,
    fault.seconds ? `${fault.seconds} s` : null,
    fault.remaining === null ? null : `${fault.remaining} more times`,
  ];
  const text = [`${OPERATIONS[fault.operation]}: ${KINDS[fault.kind]}`, ...details.filter(Boolean)].join(" · ");
  const button = make("button", { type: "button", class: "bare", "aria-label": `Clear: ${text}`, onclick: clear }, icon("close"));
  return make("li", {}, make("span", {}, text), button);
}

function drawForm(add) {
  const operation = drawSelect("Call", Object.entries(OPERATIONS));
  const kind = drawSelect("Misbehaviour", Object.entries(KINDS));
  const status = drawSelect("Status", STATUSES.map((code) => [code, String(code)]));
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
      status: kind.value === "status" ? Number(status.value) : null,
      seconds: WITH_SECONDS.has(kind.value) ? seconds.valueAsNumber : null,
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
