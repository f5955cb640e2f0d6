// The form of a menu entry: a button has neither address nor icon, a directory no address; icons are found by part of their name.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function fit() {
    for (const form of all("form")) {
      const kind = form.querySelector("[name=type], [data-kind]")?.value;
      for (const part of all("[data-not-for]", form)) {
        part.hidden = part.dataset.notFor.split(" ").includes(kind);
        if (!part.hidden) continue;
        for (const field of all("input:not([type=radio])", part)) field.value = "";
        for (const field of all("input[type=radio]", part)) field.checked = field.value === "";
      }
    }
    for (const chosen of all(".icon-choice label:has(:checked)")) chosen.parentElement.scrollTop = chosen.offsetTop - 100;
  }
  document.addEventListener("change", (event) => { if (event.target.matches?.("[name=type]")) fit(); });
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.("[data-icon-filter]")) return;
    const part = event.target.value.trim().toLowerCase();
    for (const choice of all("[data-icon]", event.target.closest("[data-icons]"))) choice.hidden = !choice.dataset.icon.includes(part);
  });
  document.addEventListener("content", fit);
  fit();
})();
