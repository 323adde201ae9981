"use strict";
for (const table of document.querySelectorAll("table.compatibility, table.matrix")) {
  const body = table.tBodies[0];
  const frame = table.parentElement;
  const controls = frame.previousElementSibling;
  const search = controls.querySelector("input");
  let show = "";
  const update = () => {
    const words = search.value.toLowerCase();
    for (const row of body.rows) {
      const fits = row.dataset.verdict === "fits";
      row.hidden = !row.textContent.toLowerCase().includes(words) || show === "fits" && !fits || show === "problem" && fits;
    }
    for (const button of controls.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.show === show));
  };
  controls.hidden = body.rows.length < 3;
  search.addEventListener("input", update);
  for (const button of controls.querySelectorAll("button")) button.addEventListener("click", () => { show = button.dataset.show; update(); });
  update();
  const scrolls = () => controls.querySelector(".scrolls").hidden = frame.scrollWidth <= frame.clientWidth;
  addEventListener("resize", scrolls);
  frame.closest("details")?.addEventListener("toggle", scrolls);
  scrolls();
  for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, {numeric: true}) * (up ? 1 : -1));
      body.append(...rows);
    });
  }
}
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details.part")) part.open = true; });
