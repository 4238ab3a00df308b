// Light or dark: as the system is, until the reader says otherwise.
(() => {
  const root = document.documentElement, key = "tsebench-theme";
  const store = { get: () => null, set: () => {} };
  try {
    localStorage.getItem(key);
    store.get = () => localStorage.getItem(key);
    store.set = (value) => localStorage.setItem(key, value);
  } catch { /* a page from a file may have no storage */ }
  if (["light", "dark"].includes(store.get())) root.dataset.theme = store.get();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.querySelectorAll("[data-theme-switch]").forEach((button) => {
    button.addEventListener("click", () => {
      const now = root.dataset.theme || (dark.matches ? "dark" : "light");
      root.dataset.theme = now === "dark" ? "light" : "dark";
      store.set(root.dataset.theme);
    });
  });
})();
