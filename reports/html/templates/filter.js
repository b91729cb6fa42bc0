"use strict";
// The page can be read without this: it narrows tables and opens evidence that a link points to.
for (const box of document.querySelectorAll("[data-filter]")) {
  const rows = [...document.getElementById(box.dataset.filter).tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const find = box.querySelector("input");
  const buttons = [...box.querySelectorAll("button")];
  const told = box.querySelector("output");
  const narrow = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.state);
    let shown = 0;
    rows.forEach((row, i) => {
      const keep = wanted.every((word) => texts[i].includes(word)) && (!states.length || states.includes(row.dataset.state));
      row.hidden = !keep;
      shown += keep;
    });
    told.value = `${shown} of ${rows.length} ${told.dataset.noun}`;
  };
  find.addEventListener("input", narrow);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      narrow();
    });
  }
  box.hidden = false;
  narrow();
}
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  if (target.hidden) target.hidden = false;
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
if (location.hash) reveal();
