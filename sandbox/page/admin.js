// TRIFFT Admin: a project's members, or one member, as the URL says.

import { drawMemberList } from "/page/admin-list.js";
import { MemberPage } from "/page/admin-member.js";
import { ApiError, get } from "/page/api.js";
import { make } from "/page/elements.js";

const [, , project, , memberId] = location.pathname.split("/").map(decodeURIComponent);
const main = document.getElementById("main");

try {
  const projects = await get("trifft/projects");
  const links = projects.map((one) => {
    const current = one.project_id === project ? "true" : null;
    return make("a", { href: `/trifft-admin/${one.project_id}/`, "aria-current": current }, one.display_name);
  });
  document.getElementById("projects").append(...links);
  await get(`trifft/${project}/settings`);
  if (memberId) await new MemberPage(main, project, memberId).load();
  else await drawMemberList(main, project);
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  main.replaceChildren(make("p", { class: "hint" }, error.message));
}
