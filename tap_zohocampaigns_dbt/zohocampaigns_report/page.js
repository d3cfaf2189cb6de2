"use strict";

// Sorts the rows of a table by a column. Cells without a value stay last.
function sort(table, column, ascending) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: row.cells[column].dataset.sort }));
  const isNumber = table.tHead.rows[0].cells[column].classList.contains("number");
  rows.sort((a, b) => {
    if (!a.key || !b.key) return Boolean(b.key) - Boolean(a.key);
    const order = isNumber ? a.key - b.key : a.key.localeCompare(b.key);
    return ascending ? order : -order;
  });
  body.append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("unsorted")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // Numbers are first shown from the largest.
      const before = head.getAttribute("aria-sort");
      const ascending = before
        ? before === "descending"
        : !head.classList.contains("number");
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(table, column, ascending);
    });
  });
}

// The funnel of the campaign that is chosen.
const choice = document.getElementById("campaign");
if (choice) {
  const percent = (part, whole) =>
    part === null || !whole ? "—" : `${((100 * part) / whole).toFixed(1)}%`;
  const show = () => {
    const option = choice.selectedOptions[0];
    const steps = JSON.parse(option.dataset.steps);
    document.getElementById("funnel-name").textContent = option.textContent.trim();
    [...document.getElementById("funnel").tBodies[0].rows].forEach((row, place) => {
      const [, contacts, ofSent, ofLast, bar] = row.cells;
      const count = steps[place];
      contacts.textContent = count === null ? "—" : count.toLocaleString("en-US");
      ofSent.textContent = percent(count, steps[0]);
      ofLast.textContent = place ? percent(count, steps[place - 1]) : "—";
      bar.firstElementChild.style.width = steps[0] ? `${(100 * count) / steps[0]}%` : 0;
    });
  };
  choice.addEventListener("change", show);
  show();
}
