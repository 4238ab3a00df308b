// What the theme leaves out for keyboards and screen readers; tests/docs/test_site.py checks it by axe-core.
(() => {
  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
  const nameOf = (nav) => {
    const label = document.getElementById(nav.getAttribute("aria-labelledby"));
    return (nav.getAttribute("aria-label") || label?.textContent || "").trim();
  };
  const mend = () => {
    each(".md-search", (dialog) => set(dialog, "aria-label", "Search"));
    // What scrolls can be scrolled by keys.
    each(".md-typeset__scrollwrap, .md-typeset pre > code", (box) => set(box, "tabindex", "0"));
    // No two landmarks of one page have the same name.
    each(".md-code__nav", (nav, place) => set(nav, "aria-label", `Code ${place + 1}`));
    const seen = new Set();
    each("nav", (nav) => {
      const name = nameOf(nav);
      if (!seen.has(name)) { seen.add(name); return; }
      let place = 2;
      while (seen.has(`${name} ${place}`)) place += 1;
      seen.add(`${name} ${place}`);
      nav.removeAttribute("aria-labelledby");
      set(nav, "aria-label", `${name} ${place}`.trim());
    });
  };
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mend(); });
  };
  mend();
  // The theme goes on building parts of the page after it has loaded.
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
})();
