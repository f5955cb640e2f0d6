// Log search: zooming into the histogram, expanding rows.
(() => {
  const one = (selector, root = document) => root.querySelector(selector);

  // --- a window of one's own wins over the preset that was in force
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("input[name=from], input[name=to]")) event.target.form?.querySelector("[data-preset]")?.remove();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches?.("[data-log-filters]")) return;
    const preset = one("[data-preset]", form);
    // The preset is kept: it moves with the clock, while its times would not.
    if (preset) form.querySelectorAll("input[name=from], input[name=to]").forEach((field) => { field.disabled = true; });
    form.querySelectorAll("input[name]").forEach((field) => { if (!field.value) field.disabled = true; });
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("[data-log-filters] input:disabled").forEach((field) => { field.disabled = false; }));

  // --- rows
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-expand]");
    if (!button) return;
    const row = one(button.dataset.expand);
    row.hidden = !row.hidden;
    button.setAttribute("aria-expanded", String(!row.hidden));
  });

  // --- histogram: drag over bars = that window
  const go = (zoom, from, to) => { location.href = zoom.url.replace("FROM", encodeURIComponent(from)).replace("TO", encodeURIComponent(to)); };
  document.addEventListener("chart", (event) => {
    const holder = event.target.closest("[data-zoom]");
    if (!holder || holder.dataset.ready) return;
    holder.dataset.ready = "1";
    const zoom = JSON.parse(holder.dataset.zoom);
    const canvas = event.target;
    const { chart } = event.detail;
    const mark = document.createElement("div");
    mark.className = "zoom-mark";
    mark.hidden = true;
    canvas.append(mark);
    const barAt = (x) => Math.max(0, Math.min(zoom.starts.length - 1, Math.round(chart.convertFromPixel({ xAxisIndex: 0 }, x))));
    const edge = (bar, side) => chart.convertToPixel({ xAxisIndex: 0 }, bar) + side * half();
    const half = () => (zoom.starts.length > 1 ? Math.abs(chart.convertToPixel({ xAxisIndex: 0 }, 1) - chart.convertToPixel({ xAxisIndex: 0 }, 0)) / 2 : 20);
    let first = null;
    const shown = (last) => {
      const [left, right] = [Math.min(first, last), Math.max(first, last)];
      mark.style.left = `${edge(left, -1)}px`;
      mark.style.width = `${edge(right, 1) - edge(left, -1)}px`;
      mark.hidden = false;
      return [left, right];
    };
    const x = (happened) => happened.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      down.preventDefault();
      canvas.setPointerCapture(down.pointerId);
      first = barAt(x(down));
      canvas.focus();
    });
    canvas.addEventListener("pointermove", (move) => { if (first !== null) shown(barAt(x(move))); });
    canvas.addEventListener("pointerup", (up) => {
      if (first === null) return;
      const [left, right] = shown(barAt(x(up)));
      first = null;
      if (left === 0 && right === zoom.starts.length - 1) { mark.hidden = true; return; }
      go(zoom, zoom.starts[left], zoom.ends[right]);
    });
    canvas.addEventListener("pointercancel", () => { first = null; mark.hidden = true; });
  });
  document.addEventListener("keydown", (event) => {
    if (!event.shiftKey || !["ArrowLeft", "ArrowRight"].includes(event.key) || event.target.closest?.("input, textarea, select, dialog[open]")) return;
    const holder = one("[data-zoom]");
    if (!holder) return;
    event.preventDefault();
    const zoom = JSON.parse(holder.dataset.zoom);
    location.href = event.key === "ArrowLeft" ? zoom.earlier : zoom.later;
  });
})();
