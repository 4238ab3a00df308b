// Sort a table by a column: first click puts the better end on top, a second one turns it round.
const sortBy = (head, order) => {
  const body = head.closest("table").tBodies[0], sign = order === "ascending" ? 1 : -1;
  const key = (row) => row.cells[head.cellIndex].dataset.value ?? "";
  const rows = [...body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    const number = Number(x) - Number(y);
    return sign * (Number.isNaN(number) ? x.localeCompare(y) : number || 0);
  });
  head.parentElement.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  body.append(...rows);
};
document.querySelectorAll("th button").forEach((button) => {
  button.addEventListener("click", () => {
    const head = button.closest("th"), first = head.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    sortBy(head, head.getAttribute("aria-sort") === first ? other : first);
  });
});
