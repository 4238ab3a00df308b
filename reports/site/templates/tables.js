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
  const number = (value, digits) => {
    if (value === null) return NOTHING;
    if (Math.abs(value) > 1e300) return value < 0 ? `${MINUS}\u221e` : "\u221e";
    const text = Math.abs(value).toFixed(digits);
    return value < 0 && Number(text) !== 0 ? MINUS + text : text;
  };
  const small = (text, bad) => {
    const line = document.createElement("small");
    line.textContent = text;
    if (bad) line.className = "bad";
    return line;
  };
  const fill = (place, cell, digits, count) => {
    if (!cell) { place.replaceChildren(NOTHING); place.dataset.value = ""; return; }
    const [mean, low, high, n, failed = 0, undefined_ = 0, floored = 0, inapplicable = 0] = cell;
    place.dataset.value = mean ?? "";
    place.replaceChildren(number(mean, digits));
    place.append(small(low === null ? "" : `[${number(low, digits)}, ${number(high, digits)}]`));
    if (n !== count - inapplicable) place.append(small(`n=${n}`));
    if (failed) place.append(small(`${failed} failed`, !("quiet" in place.dataset)));
    if (undefined_) place.append(small(`${undefined_} undefined`));
    if (floored) place.append(small(`${floored} floored`));
  };
  document.querySelectorAll("[data-table]").forEach((card) => {
    const { slices, decimals } = data[card.dataset.table] ?? { slices: [] };
    const select = card.querySelector("[data-slices]");
    if (!select || !slices.length) return;
    const cells = [...card.querySelectorAll("[data-cell]")].map((place) => ({
      place, at: place.dataset.cell.split(".").map(Number),
      nodes: [...place.childNodes], value: place.dataset.value,
    }));
    select.addEventListener("change", () => {
      const slice = select.value === "" ? null : slices[Number(select.value)];
      for (const { place, at, nodes, value } of cells) {
        if (slice) fill(place, slice.cells[at[0]][at[1]], decimals[at[1]], slice.n);
        else { place.replaceChildren(...nodes); place.dataset.value = value; }
      }
      card.classList.toggle("sliced", Boolean(slice));
      card.querySelector("[data-count]").textContent =
        slice ? `${slice.n} of ${card.dataset.trials} trials: ${slice.dimension} ${slice.text}` : card.dataset.all;
      const head = card.querySelector("th[aria-sort]");
      if (head) sortBy(head, head.getAttribute("aria-sort"));
    });
    select.closest("label").hidden = false;
  });
})();
