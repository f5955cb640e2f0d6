// The token of a password link stands in the address's fragment: no server and no log of one sees it.
(() => {
  const token = location.hash.slice(1);
  if (!token) return;
  document.querySelector("[data-fragment]").value = token;
  history.replaceState(null, "", location.pathname);
})();
