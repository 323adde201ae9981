"use strict";
const table = document.querySelector("table.compatibility");
if (table) {
  const body = table.tBodies[0];
  const search = document.querySelector("input[type=search]");
  search.hidden = false;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
  for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => a.cells[column].textContent.localeCompare(b.cells[column].textContent) * (up ? 1 : -1));
      body.append(...rows);
    });
  }
}
