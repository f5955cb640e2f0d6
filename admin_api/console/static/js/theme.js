// Before the first paint: without a chosen theme the page follows the system, also when the system changes.
(() => {
  const root = document.documentElement;
  if (root.hasAttribute("data-bs-theme")) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", () => { follow(); document.dispatchEvent(new Event("theme")); });
})();
