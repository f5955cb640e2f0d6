// Draws every element with data-chart by ECharts; the table beside it holds the same numbers. Colours come from the theme.
(() => {
  const drawn = new Map();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const TONES = { blue: "#206bc4", green: "#2fb344", red: "#d63939", orange: "#f76707", purple: "#ae3ec9", grey: "#929dab" };
  const ORDER = ["blue", "orange", "green", "purple", "red", "grey"];

  function option(about, element) {
    const isDark = document.documentElement.getAttribute("data-bs-theme") === "dark";
    const text = isDark ? "#c8d3e1" : "#49566c";
    const line = isDark ? "#3a4859" : "#dce1e7";
    const digits = about.digits ?? 0;
    const format = (value) => (value == null ? "—" : Number(value).toLocaleString("en", { maximumFractionDigits: digits })) + (about.unit ? ` ${about.unit}` : "");
    const names = { type: "category", data: about.categories, inverse: Boolean(about.horizontal), axisTick: { show: false }, axisLine: { lineStyle: { color: line } },
      axisLabel: { color: text, hideOverlap: !about.horizontal, width: about.horizontal ? Math.min(220, element.clientWidth * 0.4) : undefined, overflow: "truncate" } };
    const values = { type: "value", minInterval: digits ? undefined : 1, splitNumber: about.horizontal && element.clientWidth < 500 ? 2 : 5, splitLine: { lineStyle: { color: line } }, axisLabel: { color: text, hideOverlap: true } };
    return {
      animation: false,
      textStyle: { fontFamily: css("--tblr-font-sans-serif") || "sans-serif" },
      grid: { left: 8, right: 24, top: about.series.length > 1 ? 36 : 12, bottom: 8, containLabel: true },
      legend: about.series.length > 1 ? { top: 0, textStyle: { color: text } } : undefined,
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, axisPointer: { type: about.kind === "line" ? "line" : "shadow" }, valueFormatter: format },
      xAxis: about.horizontal ? values : names,
      yAxis: about.horizontal ? names : values,
      series: about.series.map((one, at) => ({
        name: one.name, type: about.kind, data: one.data, stack: one.stack, showSymbol: false, connectNulls: true, barMaxWidth: 28,
        color: TONES[one.tone ?? ORDER[at % ORDER.length]], lineStyle: { width: 2 }, emphasis: { focus: "none" },
      })),
    };
  }

  function draw() {
    for (const [element, chart] of drawn) if (!element.isConnected) { chart.dispose(); drawn.delete(element); }
    document.querySelectorAll("[data-chart]").forEach((element) => {
      const about = JSON.parse(element.dataset.chart);
      if (about.horizontal) element.classList.toggle("chart-few", about.categories.length < 5);
      const chart = drawn.get(element) ?? window.echarts.init(element, null, { renderer: "canvas" });
      drawn.set(element, chart);
      chart.setOption(option(about, element), true);
      element.dispatchEvent(new CustomEvent("chart", { detail: { chart, about }, bubbles: true }));
    });
  }
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  document.addEventListener("content", draw);
  window.addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  draw();
})();
