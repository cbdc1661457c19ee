/* global document, window, echarts */
// Draws the charts of a report. Their options come as data; what needs code is added here.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  let drawn = [];

  const draw = () => {
    for (const chart of drawn) chart.dispose();
    drawn = charts.map(({ id, unit, option }) => {
      const place = document.getElementById(`chart-${id}`);
      const chart = echarts.init(place, dark.matches ? "dark" : null, { renderer: "canvas" });
      const show = (value) =>
        value === null || value === undefined ? "not available" : `${number.format(value)} ${unit}`;
      chart.setOption({
        ...option,
        backgroundColor: "transparent",
        tooltip: { ...option.tooltip, valueFormatter: show },
      });
      chart.group = "report";
      return chart;
    });
    // One time under the pointer, and one stretch of time, in all of them.
    echarts.connect("report");
    document.documentElement.dataset.drawn = String(drawn.length);
  };

  draw();
  dark.addEventListener("change", draw);
  window.addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
})();
