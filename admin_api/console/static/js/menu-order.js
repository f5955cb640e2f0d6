// The tree of menus: an entry is dragged by its grip before or after another; whether it may stand there decides the server.
(() => {
  let grip = null;
  let place = null;

  function mark(row, to) {
    place?.row.classList.remove("drop-before", "drop-after");
    place = row && { row, to };
    row?.classList.add(`drop-${to}`);
  }

  document.addEventListener("dragstart", (event) => {
    grip = event.target.closest?.("[data-grip]");
    if (!grip) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setDragImage(grip.closest("tr"), 0, 0);
  });
  document.addEventListener("dragover", (event) => {
    const row = grip && event.target.closest?.("tr[data-menu]");
    if (!row) return;
    event.preventDefault();
    const { top, height } = row.getBoundingClientRect();
    mark(row, event.clientY < top + height / 2 ? "before" : "after");
  });
  document.addEventListener("drop", (event) => {
    if (!grip || !place) return;
    event.preventDefault();
    const values = { to: place.to, other: place.row.dataset.menu };
    if (values.other !== grip.dataset.grip) {
      htmx.ajax("POST", `/sys/menus/${grip.dataset.grip}/move`, { source: grip, target: "#list", swap: "outerHTML", values });
    }
  });
  document.addEventListener("dragend", () => {
    mark(null);
    grip = null;
  });
})();
