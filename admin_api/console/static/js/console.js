// What all pages do: toasts, dialogs, menus, keys, batches of rows, forms that are not lost. No inline script anywhere.
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const words = () => one("#words")?.dataset ?? {};

  // --- toasts: successes only; errors stay where they happened
  function toast(text, tone = "success") {
    const box = one("#toasts");
    if (!box || !text) return;
    const shown = document.createElement("div");
    shown.className = `toast-line bg-${tone === "success" ? "dark" : tone} text-white`;
    shown.textContent = text;
    box.append(shown);
    setTimeout(() => shown.remove(), 6000);
  }
  const nameOf = (event) => event.detail?.value ?? event.detail;
  document.addEventListener("toast", (event) => toast(nameOf(event)));
  document.addEventListener("toast-next", (event) => sessionStorage.setItem("toast", nameOf(event)));

  // --- dialogs: focus returns to the opener by itself, Escape closes
  function openDialog(dialog) {
    if (dialog && !dialog.open) dialog.showModal();
  }
  function dialogsIn(root) {
    all("dialog[data-open]", root).forEach(openDialog);
    if (root.matches?.("dialog[data-open]")) openDialog(root);
    const focus = root.matches?.("[data-focus]") ? root : one("[data-focus]", root);
    if (focus) { focus.focus(); focus.scrollIntoView({ block: "nearest" }); }
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("button, a, summary, input, tr, dialog, details") ?? event.target;
    all("details.dropdown[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    const opener = event.target.closest?.("[data-dialog]");
    if (opener) return openDialog(one(opener.dataset.dialog));
    if (event.target.closest?.("[data-close]") || event.target.matches?.("dialog")) return event.target.closest("dialog")?.close();
    const copy = event.target.closest?.("[data-copy]");
    if (copy) return copyText(copy.dataset.copy ?? "");
    const reveal = event.target.closest?.("[data-reveal]");
    if (reveal) {
      const field = one(reveal.dataset.reveal);
      const show = field.type === "password";
      field.type = show ? "text" : "password";
      return reveal.setAttribute("aria-pressed", String(show));
    }
    if (event.target.closest?.("[data-toggle-side]")) {
      return showSide(!one("#side").classList.contains("shown"));
    }
    if (!event.target.closest?.("#side")) showSide(false);
    const row = event.target.closest?.(ROWS);
    if (row && !event.target.closest("a, button, input, label, summary, details") && !getSelection().toString()) openRow(row);
    return target;
  });

  // --- the main menu on narrow screens
  function showSide(shown) {
    one("#side")?.classList.toggle("shown", shown);
    one("[data-toggle-side]")?.setAttribute("aria-expanded", String(shown));
  }

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea"); // plain http on another host has no clipboard
      field.value = text;
      (one("dialog[open]") ?? document.body).append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    toast(words().copied);
  }

  // --- rows: ticked ones, and the bar that says how many
  function countTicked(table) {
    const bar = one("[data-batch]", table);
    if (!bar) return;
    const boxes = all("[data-row-box]", table);
    const ticked = boxes.filter((box) => box.checked).length;
    bar.hidden = ticked === 0;
    one("[data-batch-count]", bar).textContent = ticked;
    const more = one("[data-batch-more]", bar);
    if (more) { more.hidden = ticked !== boxes.length; if (more.hidden) one("input", more).checked = false; }
    const head = one("[data-all]", table);
    if (head) { head.checked = ticked > 0 && ticked === boxes.length; head.indeterminate = ticked > 0 && ticked < boxes.length; }
  }
  document.addEventListener("change", (event) => {
    const scope = event.target.closest?.("form, .card") ?? document;
    if (event.target.matches?.("[data-all]")) all("[data-row-box]", scope).forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches?.("[data-all], [data-row-box]")) countTicked(scope);
  });

  // --- forms: what was typed and not saved is not lost by a wrong click
  const guarded = () => all("form[data-guard]").some((form) => form.dataset.changed);
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-guard]");
    if (form && event.target.name) form.dataset.changed = "1";
    if (event.target.matches?.("[data-must-be]")) fits(event.target);
  });
  function fits(field) {
    const button = one("button[type=submit]", field.form);
    if (button) button.disabled = field.value.trim() !== field.dataset.mustBe;
  }
  let leaving = false;
  window.addEventListener("beforeunload", (event) => { if (!leaving && guarded()) event.preventDefault(); });

  // --- caps lock
  document.addEventListener("keyup", (event) => {
    if (!event.target.matches?.("[data-caps]") || !event.getModifierState) return;
    const hint = event.target.closest(".mb-3")?.querySelector("[data-caps-hint]");
    if (hint) hint.hidden = !event.getModifierState("CapsLock");
  });

  // --- keys
  const GO = { a: "/apps", m: "/mappings", l: "/logs", s: "/stats" };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const form = event.target.closest?.("form");
      if (form) { event.preventDefault(); form.requestSubmit(one("dialog[open] button[type=submit]", form)); }
      return;
    }
    if (event.key === "Escape") {
      if (one("#side.shown")) { showSide(false); one("[data-toggle-side]").focus(); }
      return all("details.dropdown[open]").forEach((menu) => { menu.open = false; one("summary", menu).focus(); });
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog[open]")) return;
    if (going && event.timeStamp - going < 1500 && GO[event.key]) { going = 0; location.href = GO[event.key]; return; }
    going = event.key === "g" ? event.timeStamp : 0;
    if (event.key === "/") { const field = one("[data-search]"); if (field) { event.preventDefault(); field.focus(); field.select(); } }
    if (event.key === "?") openDialog(one("#keys"));
    if (event.key === "j" || event.key === "k") moveRow(event.key === "j" ? 1 : -1);
    if (event.key === "Enter" && event.target.matches?.(ROWS)) openRow(event.target);
  });
  const ROWS = "tr[data-href], tr[data-opens]"; // a row leads to a page, or does what one of its links does
  function openRow(row) {
    if (row.dataset.href) location.href = row.dataset.href;
    else one(row.dataset.opens, row)?.click();
  }
  function rowsIn() {
    all(ROWS).forEach((row) => { row.tabIndex = 0; });
  }
  function moveRow(step) {
    const rows = all(ROWS);
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement?.closest?.(ROWS));
    rows[Math.min(rows.length - 1, Math.max(0, at + step))].focus();
  }

  // --- a refusal that an open dialog would hide is shown in the dialog
  function showInDialog() {
    const said = one("#notice > [role=alert]"), body = one("dialog[open] .dialog-body");
    if (!said || !body) return;
    all(":scope > [data-refusal]", body).forEach((old) => old.remove());
    said.dataset.refusal = "";
    body.prepend(said);
  }

  // --- requests: expired sessions, refusals, lost connections
  const offline = (is) => { const bar = one("#offline"); if (bar) bar.hidden = !is; };
  window.addEventListener("offline", () => offline(true));
  window.addEventListener("online", () => offline(false));
  const checked = (event) => event.target.closest?.("[data-check]"); // a field that asks what is wrong with it: the form goes on
  document.addEventListener("htmx:before:request", (event) => {
    if (checked(event)) return;
    const form = event.target.closest?.("form");
    all("button[type=submit], button:not([type])", form ?? document.createElement("form")).forEach((button) => { button.dataset.was = button.disabled ? "1" : ""; button.disabled = true; });
    form?.classList.add("sending");
  });
  document.addEventListener("htmx:finally:request", (event) => {
    if (checked(event)) return;
    const form = event.target.closest?.("form");
    form?.classList.remove("sending");
    all("button[data-was]", form ?? document.createElement("form")).forEach((button) => { button.disabled = button.dataset.was === "1"; delete button.dataset.was; });
  });
  document.addEventListener("htmx:error", (event) => {
    if (!event.detail?.ctx) return;
    offline(true);
    const poll = event.detail.ctx.request?.method === "GET";
    const notice = one("#notice");
    if (poll || !notice) return;
    notice.textContent = "";
    const line = document.createElement("div");
    line.className = "alert alert-danger";
    line.setAttribute("role", "alert");
    line.textContent = words().unreachable;
    notice.append(line);
    showInDialog();
    line.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const ctx = event.detail?.ctx;
    if (!ctx?.response) return;
    offline(false);
    // The operator may be typing into it: one dialog is enough.
    if (ctx.response.status === 401 && one("#dialogs dialog[open]") && !event.target.closest?.("#dialogs")) event.preventDefault();
    if (ctx.response.status < 400 && !checked(event)) {
      const form = event.target.closest?.("form[data-guard]");
      if (form) delete form.dataset.changed;
      const notice = one("#notice");
      if (notice && ctx.request?.method !== "GET") notice.textContent = "";
    }
  });
  document.addEventListener("htmx:after:request", (event) => {
    const headers = event.detail?.ctx?.response?.headers;
    if (headers?.get("hx-redirect") || headers?.get("hx-refresh")) leaving = true;
  });
  document.addEventListener("session-renewed", (event) => {
    const token = event.detail?.csrf;
    document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRF-Token": token }));
    one("#dialogs dialog")?.close();
    one("#dialogs").textContent = "";
    toast(words().renewed);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const error = event.detail?.ctx?.target;
    const field = error?.matches?.("[data-check] > .invalid-feedback") && one("input, textarea, select", error.parentElement);
    if (field) {
      field.classList.toggle("is-invalid", error.textContent !== "");
      if (error.textContent) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
      return;
    }
    showInDialog();
    dialogsIn(event.detail?.ctx?.target?.isConnected ? event.detail.ctx.target : document);
    all("form").forEach(countTicked);
    rowsIn();
    all("[data-must-be]").forEach(fits);
    all(".region[aria-busy]").forEach((region) => { if (!one(".skeleton", region)) region.removeAttribute("aria-busy"); });
    document.dispatchEvent(new Event("content"));
  });

  const later = sessionStorage.getItem("toast");
  if (later) { sessionStorage.removeItem("toast"); toast(later); }
  rowsIn();
  dialogsIn(document);
  all("[data-must-be]").forEach(fits);
  if (!navigator.onLine) offline(true);
})();
