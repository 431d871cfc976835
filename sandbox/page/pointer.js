// A click is a button that goes down and up on one element: if it is replaced in between, the click is lost.

const MOST_MS = 2000; // a release outside the window may never be seen

let release = () => {};
let released = Promise.resolve();

addEventListener("pointerdown", () => {
  release();
  released = new Promise((resolve) => (release = resolve));
  setTimeout(release, MOST_MS);
}, true);
// The click follows the release in the same task.
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(release), true);

/** Wait until no button of the mouse is down. Call it before elements are replaced. */
export function waitForRelease() {
  return released;
}
