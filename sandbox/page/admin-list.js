// The members of a project, with a search.

import { get } from "/page/api.js";
import { make, makeTable } from "/page/elements.js";

const TYPING_PAUSE_MS = 150;

export async function drawMemberList(main, project) {
  const table = makeTable(["Name", "E-mail", "Support ID", "Points", "Status"], []);
  const count = make("p", { class: "count", role: "status" });
  const search = make("input", { type: "search", id: "search", placeholder: "Name, e-mail, phone, support ID", autocomplete: "off" });
  const show = async () => {
    const wanted = search.value;
    const members = await get(`trifft/${project}/members?q=${encodeURIComponent(wanted)}`);
    if (wanted !== search.value) return;
    table.querySelector("tbody").replaceChildren(...members.map((member) => drawMember(project, member)));
    count.textContent = members.length === 1 ? "1 member" : `${members.length} members`;
  };
  let pause;
  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(show, TYPING_PAUSE_MS);
  });
  main.replaceChildren(
    make("h1", {}, "Members"),
    make("div", { class: "search" }, make("label", { for: "search" }, "Search"), search, count),
    table,
  );
  await show();
}

function drawMember(project, member) {
  const name = [member.first_name, member.last_name].filter(Boolean).join(" ").trim() || "No name";
  const link = make("a", { href: `/trifft-admin/${project}/members/${member.id}`, dir: "auto" }, name);
  const cells = [member.email, member.support_id, String(member.points), member.status];
  return make("tr", {}, make("td", {}, link), cells.map((text) => make("td", { dir: "auto" }, text ?? "–")));
}
