// The leaderboard: search for systems, and slices in the place of all trials.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent).tables;

  const search = document.getElementById("search"), told = document.getElementById("found");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const names = new Set();
    document.querySelectorAll("[data-search]").forEach((row) => {
      const text = row.dataset.search.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) names.add(row.dataset.search);
    });
    told.textContent = words.length ? `${names.size} found` : "";
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; filter(); }
  });

  const MINUS = "\u2212", NOTHING = "\u2014";
  // Values are whole numbers, in units of the last digit that is shown.
  const number = (value, digits) => {
    const size = Math.abs(value) === Infinity ? "\u221e" : (Math.abs(value) / 10 ** digits).toFixed(digits);
    return value < 0 ? MINUS + size : size;
  };
  const small = (text, bad) => {
    const line = document.createElement("small");
    line.textContent = text;
    if (bad) line.className = "bad";
    return line;
  };
  const fill = (place, cell, digits, count) => {
    const [value = "", below = "", above = "", ...counts] = cell.split(",");
    const [n = count, failed = 0, undefined_ = 0, floored = 0, inapplicable = 0] = counts.map(Number);
    const mean = Number(value);
    place.dataset.value = value;
    place.replaceChildren(value === "" ? NOTHING : number(mean, digits));
    if (cell === "") return;
    const ends = [mean - Number(below), mean + Number(above || below)].map((end) => number(end, digits));
    place.append(small(below === "" ? "" : `[${ends.join(", ")}]`));
    if (n !== count - inapplicable) place.append(small(`n=${n}`));
    if (failed) place.append(small(`${failed} failed`, "fault" in place.dataset));
    if (undefined_) place.append(small(`${undefined_} undefined`));
    if (floored) place.append(small(`${floored} floored`));
  };
  document.querySelectorAll("[data-table]").forEach((card) => {
    const { slices, decimals } = data[card.dataset.table] ?? { slices: [] };
    const select = card.querySelector("[data-slices]");
    if (!select || !slices.length) return;
    // Row by row, as the cells of a slice are.
    const cells = [...card.querySelectorAll("[data-cell]")].map((place) => ({
      place, nodes: [...place.childNodes], value: place.dataset.value ?? "",
    }));
    select.addEventListener("change", () => {
      const slice = select.value === "" ? null : slices[Number(select.value)];
      const own = slice?.cells.split(" ");
      cells.forEach(({ place, nodes, value }, at) => {
        if (slice) fill(place, own[at], decimals[at % decimals.length], slice.n);
        else { place.replaceChildren(...nodes); place.dataset.value = value; }
      });
      card.classList.toggle("sliced", Boolean(slice));
      card.querySelector("[data-count]").textContent =
        slice ? `${slice.n} of ${card.dataset.trials} trials: ${slice.dimension} ${slice.text}` : card.dataset.all;
      const head = card.querySelector("th[aria-sort]");
      if (head) sortBy(head, head.getAttribute("aria-sort"));
    });
    select.disabled = false;
  });
})();
