// A plot over time. The library is fetched with the first one; colours are those of the page, in either scheme.

import { html } from "../lit.js";

const LIBRARY = "../vendor/uplot-1.6.32/uPlot.esm.js";
const HEIGHT = 160;
const dark = matchMedia("(prefers-color-scheme: dark)");

class TimePlot extends HTMLElement {
  #plot = null;
  #drawn = "";
  #size = new ResizeObserver(() => this.#plot?.setSize({ width: this.clientWidth, height: HEIGHT }));
  #scheme = () => this.#draw(true);

  connectedCallback() {
    this.#size.observe(this);
    dark.addEventListener("change", this.#scheme);
    this.#draw(true);
  }

  disconnectedCallback() {
    this.#size.disconnect();
    dark.removeEventListener("change", this.#scheme);
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** {times, series: [[label, colour, values]], format}. */
  set shown(shown) {
    this._shown = shown;
    this.#draw(false);
  }

  async #draw(anew) {
    const { times, series } = this._shown ?? {};
    if (!this.isConnected || !times) return;
    const data = [times, ...series.map(([, , values]) => values)];
    const identity = JSON.stringify(data);
    if (identity === this.#drawn && !anew) return;
    this.#drawn = identity;
    const library = await import(LIBRARY).catch(() => null);
    if (!this.isConnected || this.#drawn !== identity) return;
    if (!library) return (this.#drawn = ""); // it is asked for again with what is shown next
    const Plot = library.default;
    if (this.#plot && !anew) {
      this.#plot.setData(data);
      return this.#tell();
    }
    this.#plot?.destroy();
    this.#plot = new Plot(this.#options(), data, this);
    this.#tell();
  }

  /** While nobody points at a moment, the legend tells the last one. */
  #tell() {
    const [times] = this.#plot.data;
    if (this.#plot.cursor.idx === null || this.#plot.cursor.idx === undefined) this.#plot.setLegend({ idx: times.length - 1 }, false);
  }

  #options() {
    const { series, format } = this._shown;
    const colour = (name) => getComputedStyle(this).getPropertyValue(`--plot-${name}`);
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const values = (_, ticks) => ticks.map((each) => (each === null ? "" : format(each)));
    return {
      width: this.clientWidth, height: HEIGHT, cursor: { y: false, drag: { setScale: false } }, legend: { live: true }, hooks: { setCursor: [() => this.#plot && this.#tell()] },
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, 0.001) * 1.1] } },
      axes: [{ ...axis, space: 60, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 56, values }],
      series: [{ value: (_, time) => (time === null ? "" : clock(time)) }, ...series.map(([label, name]) => ({
        label, stroke: colour(name), width: 1.5, spanGaps: false, points: { show: true, size: 5, fill: colour(name), filter: alone },
        value: (_, value) => (value === null || value === undefined ? "–" : format(value)),
      }))],
    };
  }
}
customElements.define("time-plot", TimePlot);

/** Those values of a series that no line shows, since there is none beside them. */
function alone(plot, series) {
  const values = plot.data[series];
  return values.flatMap((each, index) => (each !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null ? [index] : []));
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** A titled plot of series [[label, colour, values]] over `times` in seconds; `format` writes a value. */
export function plot(title, times, series, format) {
  const words = series.map(([label, , values]) => {
    const known = values.filter((each) => each !== null);
    return `${label}: ${known.length ? `now ${format(known.at(-1))}, at most ${format(Math.max(...known))}` : "nothing"}`;
  });
  return html`<figure class="panel plot"><figcaption><h3>${title}</h3></figcaption>
    <time-plot role="img" aria-label="${title} in the last hour. ${words.join("; ")}." .shown=${{ times, series, format }}></time-plot></figure>`;
}
