// The stand-ins' switches: behaviour that is unknown of the real Gorgias and TRIFFT, and faults.

import { ApiError, get, send } from "/page/api.js";
import { icon, make } from "/page/elements.js";
import * as misbehaving from "/page/faults.js";

const GORGIAS = [
  {
    key: "url_encoding",
    kind: "choice",
    label: "Percent-encoded in a URL is",
    choices: [["requests", "what HTTP does not allow"], ["nothing", "nothing"], ["values", "each value"]],
  },
  {
    key: "absent_value",
    kind: "choice",
    label: "A variable without a value becomes",
    choices: [["none", "None"], ["empty", "nothing"], ["literal", "the literal {{variable}}"]],
  },
  { key: "send_custom_headers", kind: "flag", label: "Send custom headers" },
  { key: "hide_refusals", kind: "flag", label: "Hide the text of a 4xx answer to an action" },
  { key: "timeout_s", kind: "number", label: "Time limit of a call, seconds", min: 0.1, max: 120, step: 0.1 },
  { key: "retries", kind: "number", label: "Times a failed call is sent again", min: 0, max: 10, step: 1 },
  { key: "disable_after", kind: "number", label: "Failed calls in a row that switch an integration off", min: 1, max: 1000, step: 1 },
  { key: "rate_limit", kind: "flag", label: "Refuse more than 40 requests in 20 s" },
  {
    key: "read_back",
    kind: "choice",
    label: "Integrations and widgets are read back",
    choices: [
      ["as_written", "as they were written"],
      ["underscores", "with triggers_spelled_so"],
      ["trigger_list", "with triggers as a list"],
      ["encoded_braces", "with %7Bbraces%7D"],
      ["charset", "with a charset"],
      ["masked_headers", "with masked headers"],
      ["header_list", "with headers as a list"],
      ["without_headers", "without headers"],
      ["without_empty", "without empty values"],
      ["numbers_as_text", "with numbers as text"],
      ["more_fields", "with more fields"],
      ["all", "in most of these ways at once"],
    ],
  },
  { key: "odd_records", kind: "flag", label: "Other programs' odd integrations and widgets are in the account" },
  {
    key: "merged_customer",
    kind: "choice",
    label: "The number of a merged customer answers",
    choices: [["redirect", "301 to the other"], ["gone", "404"]],
  },
  { key: "answers_block_merge", kind: "flag", label: "Customers who both have a widget's answer cannot be merged" },
];
const TRIFFT = [
  { key: "wrapped", kind: "flag", label: "Wrap success in status, success and data" },
  { key: "time_format", kind: "choice", label: "Times are", choices: [["unix", "UNIX seconds"], ["iso", "ISO-8601"]] },
  { key: "point_scale", kind: "choice", label: "One point on the wire is", choices: [[1, "1"], [100, "100"]] },
  { key: "balance_scale", kind: "choice", label: "One point of a balance is", choices: [[1, "1"], [100, "100"]] },
  { key: "tiers", kind: "flag", label: "Tiers are in use" },
  { key: "wallets", kind: "flag", label: "Wallets are in use" },
  {
    key: "movements",
    kind: "choice",
    label: "The list of movements",
    choices: [
      ["complete", "is complete"],
      ["without_reference", "names no reference"],
      ["incomplete", "lacks what has a reference"],
      ["unavailable", "is not there"],
    ],
  },
  { key: "rate_limit", kind: "flag", label: "Refuse more than 50 requests in 10 s" },
];

export class SettingsDrawer {
  /** `getAccount()` returns the shown account; `announce` shows a toast. */
  constructor(dialog, button, getAccount, announce) {
    this.dialog = dialog;
    this.getAccount = getAccount;
    this.announce = announce;
    button.addEventListener("click", () => this.open());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  async open() {
    await this.draw();
    if (!this.dialog.open) this.dialog.showModal();
  }

  async draw() {
    const { name, title, project } = this.getAccount();
    const switches = await get(`gorgias/${name}/switches`);
    const trifft = await get(`trifft/${project}/settings`);
    const drawFaults = async (system, path) =>
      misbehaving.drawFaults(system, await get(path), path, (change) => this.run(change, true));
    const gorgiasFaults = await drawFaults(misbehaving.GORGIAS, `gorgias/${name}/faults`);
    const trifftFaults = await drawFaults(misbehaving.TRIFFT, `trifft/${project}/faults`);
    const saveSwitch = (key, value) => {
      switches[key] = value;
      return this.run(() => send("PUT", `gorgias/${name}/switches`, switches));
    };
    const saveSetting = (key, value) => this.run(() => send("PATCH", `trifft/${project}/settings`, { [key]: value }));
    const admin = make("a", { href: `/trifft-admin/${project}/`, target: "_blank", rel: "noopener" }, "Open TRIFFT Admin");
    this.dialog.replaceChildren(
      make(
        "div",
        { class: "drawer-head" },
        make("h2", { id: "settings-title" }, "Stand-in settings"),
        make("p", {}, `${title}. Changes act at once.`),
        make("button", { type: "button", class: "bare", "aria-label": "Close settings", onclick: () => this.dialog.close() }, icon("close")),
      ),
      drawGroup("Gorgias", GORGIAS, switches, saveSwitch),
      gorgiasFaults,
      drawGroup("TRIFFT", TRIFFT, trifft.settings, saveSetting, admin),
      trifftFaults,
    );
  }

  async run(change, redraw = false) {
    try {
      await change();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.announce(error.message);
      redraw = true;
    }
    if (redraw) await this.draw();
  }
}

function drawGroup(title, settings, values, save, ...more) {
  const drawn = settings.map((setting) => drawSetting(title, setting, values[setting.key], (value) => save(setting.key, value)));
  return make("section", { role: "group", "aria-label": title }, make("h3", {}, title), drawn, more);
}

function drawSetting(group, setting, value, save) {
  const id = `setting-${group}-${setting.key}`;
  const control = CONTROLS[setting.kind](setting, value, save);
  control.id = id;
  const label = make("label", { for: id }, setting.label, setting.note ? make("small", {}, setting.note) : null);
  return make("div", { class: `setting ${setting.kind}` }, label, control);
}

const CONTROLS = {
  flag: (_, value, save) => {
    const onchange = (event) => save(event.target.checked);
    return make("input", { type: "checkbox", role: "switch", checked: value, onchange });
  },
  number: ({ min, max, step }, value, save) => {
    const input = make("input", { type: "number", min, max, step, value, required: true });
    input.addEventListener("change", () => input.reportValidity() && save(input.valueAsNumber));
    return input;
  },
  choice: (setting, value, save) =>
    make(
      "select",
      { onchange: (event) => save(setting.choices[event.target.selectedIndex][0]) },
      setting.choices.map(([key, label]) => make("option", { value: key, selected: key === value }, label)),
    ),
};
