// Every download link shows how many rows have come of how many, and can be cancelled. What breaks off is thrown away.
(() => {
  const box = document.querySelector("#export");
  if (!box) return;
  const one = (selector) => box.querySelector(selector);
  const words = one("[data-export-words]");
  const progress = one("progress");
  let going = null;

  async function download(link) {
    const stop = going = new AbortController();
    const patience = setTimeout(() => box.showModal(), 400); // what is quicker needs no dialog
    one("[data-export-going]").hidden = false;
    one("[data-export-end]").textContent = words.textContent = "";
    progress.removeAttribute("value");
    try {
      const answer = await fetch(link.href, { signal: stop.signal });
      if (!answer.ok) {
        const problem = await answer.json();
        throw new Error((document.documentElement.lang === "zh-CN" && problem.detail_zh) || problem.detail);
      }
      const total = Number(answer.headers.get("X-Total-Count"));
      const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? (link.download || "export");
      const heads = name.endsWith(".csv") ? 1 : 0;
      const reader = answer.body.getReader();
      let [file, pieces, bytes, lines] = [new Blob([]), [], 0, 0];
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        pieces.push(piece.value);
        bytes += piece.value.length;
        for (const byte of piece.value) if (byte === 10) lines += 1;
        if (pieces.length > 256) { file = new Blob([file, ...pieces]); pieces = []; } // the browser may put it on disk
        if (!total) continue;
        const done = Math.max(0, Math.min(total, lines - heads));
        progress.max = total;
        progress.value = done;
        words.textContent = words.dataset.text.replace("{done}", done.toLocaleString("en")).replace("{total}", total.toLocaleString("en")).replace("{size}", (bytes / 1e6).toFixed(1));
      }
      const saved = document.createElement("a");
      saved.href = URL.createObjectURL(new Blob([file, ...pieces], { type: answer.headers.get("Content-Type") }));
      saved.download = name;
      saved.click();
      setTimeout(() => URL.revokeObjectURL(saved.href), 60_000);
      box.close();
      document.dispatchEvent(new CustomEvent("toast", { detail: box.dataset.done.replace("{name}", name) }));
    } catch (error) {
      if (stop.signal.aborted) return;
      one("[data-export-end]").textContent = error instanceof TypeError ? box.dataset.failed : error.message;
      one("[data-export-going]").hidden = true;
      if (!box.open) box.showModal();
    } finally {
      clearTimeout(patience);
      if (going === stop) going = null;
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[download][href]");
    if (!link || link.href.startsWith("blob:")) return;
    event.preventDefault();
    if (!going) download(link);
  });
  one("[data-export-cancel]").addEventListener("click", () => box.close());
  box.addEventListener("close", () => going?.abort());
})();
