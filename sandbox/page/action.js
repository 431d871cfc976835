// The modal of an action button: its editable parameters, Execute, and the answer in one sentence.

import { ApiError, send } from "/page/api.js";
import { make, makeText } from "/page/elements.js";

export class ActionDialog {
  /** `getContext()` gives the account, ticket id and agent at the time of the click; `announce` shows a toast. */
  constructor(dialog, getContext, announce) {
    this.dialog = dialog;
    this.getContext = getContext;
    this.announce = announce;
    this.waiting = 0;
    dialog.addEventListener("close", () => this.onClose());
  }

  open(pressed) {
    this.opener = document.activeElement;
    this.context = this.getContext();
    this.pressed = pressed;
    this.sentence = "";
    this.inputs = listParameters(pressed.button).map((parameter, index) => drawParameter(parameter, index));
    this.answer = make("p", { class: "answer", role: "status", "data-testid": "action-answer", dir: "auto" });
    this.dialog.replaceChildren(this.drawForm());
    this.dialog.showModal();
    (this.inputs[0]?.input ?? this.dialog.querySelector("[type=submit]")).focus();
  }

  drawForm() {
    const cancel = make("button", { type: "button", class: "quiet", onclick: () => this.dialog.close() }, "Cancel");
    const form = make(
      "form",
      { novalidate: true },
      make("h2", { id: "action-title", dir: "auto" }, this.pressed.label),
      this.inputs.map((entry) => entry.element),
      this.answer,
      make("div", { class: "modal-tools" }, cancel, make("button", { type: "submit", class: "primary" }, "Execute")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.execute();
    });
    return form;
  }

  /** Not blocked while an earlier click is being sent: agents do click twice. */
  async execute() {
    const missing = this.inputs.find((entry) => entry.mandatory && !entry.input.value.trim());
    if (missing) {
      this.show(`“${missing.label}” must be filled in.`, false);
      missing.input.focus();
      return;
    }
    const { account, ticketId, agent } = this.context;
    const { widget, place, index } = this.pressed;
    const values = Object.fromEntries(this.inputs.map((entry) => [entry.key, entry.input.value]));
    const where = { widget_id: widget.id, place: { nodes: place.nodes, items: place.items }, button: index };
    const body = { ...where, response: widget.held.body, values, agent };
    const answerOf = this.answer;
    this.setWaiting(1);
    try {
      const answer = await send("POST", `gorgias/${account}/tickets/${ticketId}/actions`, body);
      this.finish(answerOf, answer.message, answer.status >= 200 && answer.status < 300);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.finish(answerOf, error.message, false);
    }
    this.setWaiting(-1);
  }

  /** Show an answer in its dialog, or as a toast if the dialog is closed. */
  finish(answerOf, sentence, good) {
    if (!this.dialog.open || answerOf !== this.answer) return this.announce(sentence);
    this.sentence = sentence;
    this.show(sentence, good);
  }

  show(sentence, good) {
    this.answer.replaceChildren(...makeText(sentence));
    this.answer.classList.toggle("good", good);
    this.answer.classList.toggle("bad", !good);
  }

  setWaiting(change) {
    this.waiting += change;
    this.dialog.classList.toggle("waiting", this.waiting > 0);
  }

  onClose() {
    if (this.sentence) this.announce(this.sentence);
    const focusKey = this.opener?.dataset.focus;
    const again = this.opener?.isConnected ? this.opener : document.querySelector(`[data-focus="${CSS.escape(focusKey ?? "")}"]`);
    again?.focus();
  }
}

/** The parameters that an agent may edit, of query and body. */
function listParameters(button) {
  const { params = [], headers = [], body = {} } = button.action ?? {};
  const sent = body[body.contentType];
  return [...headers, ...params, ...(Array.isArray(sent) ? sent : [])].filter((parameter) => parameter.editable);
}

function drawParameter(parameter, index) {
  const id = `parameter-${index}`;
  const label = parameter.label || parameter.key;
  const input = make("input", { id, name: parameter.key, autocomplete: "off", "aria-required": String(Boolean(parameter.mandatory)) });
  input.value = String(parameter.value ?? "").includes("{{") ? "" : String(parameter.value ?? "");
  const element = make("div", { class: "field" }, make("label", { for: id, dir: "auto" }, label), input);
  return { key: parameter.key, label, mandatory: parameter.mandatory, input, element };
}
