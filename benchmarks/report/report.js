// Sorting of tables, choosing an agent, filtering episodes. Without it the page shows everything, in one order.
"use strict";

document.documentElement.classList.add("js");

/** What a row is sorted by in a column: a number where there is one, else its text. */
function sortKey(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number(text.replaceAll(",", "").replaceAll("\u2212", "-"));
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function compareKeys(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other));
}

function sortBy(table, header) {
  const column = header.cellIndex;
  const numeric = header.classList.contains("number");
  const was = header.getAttribute("aria-sort");
  const now = was === null ? (numeric ? "descending" : "ascending") : was === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", now);
  const sign = now === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => sign * compareKeys(sortKey(one, column), sortKey(other, column)));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => sortBy(table, button.closest("th")));
  }
}

for (const select of document.querySelectorAll("select.choose")) {
  const panels = [...select.closest("section").querySelectorAll("[data-agent].chosen")];
  const show = () => panels.forEach((panel) => { panel.hidden = panel.dataset.agent !== select.value; });
  select.addEventListener("change", show);
  show();
}

const filters = document.getElementById("filters");
const cards = [...document.querySelectorAll(".card")];

function filterCards() {
  const wanted = [...filters.querySelectorAll("select")].filter((select) => select.value !== "");
  let found = 0;
  for (const card of cards) {
    card.hidden = wanted.some((select) => card.dataset[select.dataset.filter] !== select.value);
    found += card.hidden ? 0 : 1;
  }
  document.getElementById("found").textContent = found === 1 ? "1 episode" : found + " episodes";
}

filters.addEventListener("change", filterCards);
filterCards();  // a browser may have kept what was chosen before a reload
