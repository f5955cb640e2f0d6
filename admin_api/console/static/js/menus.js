// The form of a menu entry: a button has neither address nor icon, a directory no address.
(() => {
  function fit() {
    for (const form of document.querySelectorAll("form")) {
      const kind = form.querySelector("[name=type], [data-kind]")?.value;
      for (const part of form.querySelectorAll("[data-not-for]")) {
        const unfit = part.dataset.notFor.split(" ").includes(kind);
        part.hidden = unfit;
        if (unfit) for (const field of part.querySelectorAll("input")) field.value = "";
      }
    }
  }
  document.addEventListener("change", (event) => { if (event.target.matches?.("[name=type]")) fit(); });
  document.addEventListener("content", fit);
  fit();
})();
