/* Draws the curves of the explorer. Every colour and dash comes from the schedule, so that a curve keeps its look. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const COLOURS = 8; // --figure-1 to --figure-8 in guide.css
  const DASHES = [null, "8 4", "2 3", "10 3 2 3", "14 5"]; // as many as share no factor with COLOURS

  /** An element of the page, or of a drawing within it. Attributes that are null or false are left out. */
  function make(tag, attributes = {}, ...children) {
    const drawn = ["svg", "g", "line", "polyline", "text"].includes(tag);
    const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  /** How the schedule at a place of the list is drawn. */
  const look = (place) => ({ class: `curve curve-${(place % COLOURS) + 1}`, "stroke-dasharray": DASHES[place % DASHES.length] });

  /** A short piece of a curve, for a list. */
  const swatch = (place) =>
    make(
      "svg",
      { class: "swatch", viewBox: "0 0 32 10", width: 32, height: 10, "aria-hidden": "true" },
      make("line", { x1: 0, x2: 32, y1: 5, y2: 5, ...look(place) }),
    );

  /** Round numbers from 0 to `highest`, about `count` of them. */
  function ticks(highest, count) {
    const power = 10 ** Math.floor(Math.log10(highest / count));
    const step = [1, 2, 5, 10].map((digit) => digit * power).find((wide) => highest / wide <= count);
    return Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
  }

  /**
   * Fill a drawing with axes and curves.
   *
   * @param {SVGElement} svg gets the width in pixels that it is shown at, so that its text keeps its size
   * @param {number} width
   * @param {{place: number, id: string, rates: number[], focus: boolean}[]} curves all of one length
   * @param {number} steps
   * @param {{x: string, y: string}} names of the axes
   */
  function plot(svg, width, curves, steps, names) {
    const height = Math.round(Math.min(380, Math.max(220, width / 2)));
    const [left, right, top, bottom] = [52, width - 12, 26, height - 40];
    const highest = 1.04 * Math.max(1e-9, ...curves.map((curve) => curve.rates.reduce((a, b) => Math.max(a, b), 0)));
    const x = (step) => left + ((right - left) * step) / (steps - 1);
    const y = (rate) => bottom - ((bottom - top) * rate) / highest;

    const axes = make("g", { class: "axes" });
    for (const tick of ticks(highest, 6)) {
      axes.append(
        make("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        make("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
      );
    }
    for (const tick of ticks(steps - 1, width < 480 ? 4 : 8)) {
      axes.append(
        make("line", { class: "grid", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }),
        make("text", { x: x(tick), y: bottom + 18, "text-anchor": "middle" }, String(tick)),
      );
    }
    axes.append(
      make("text", { x: right, y: height - 4, "text-anchor": "end" }, names.x),
      make("text", { x: 2, y: 14 }, names.y),
    );

    const ordered = [...curves].sort((a, b) => a.focus - b.focus); // the one in focus above the others
    const lines = ordered.map((curve) => {
      const points = curve.rates.map((rate, step) => `${x(step).toFixed(2)},${y(rate).toFixed(2)}`).join(" ");
      const line = make("polyline", { ...look(curve.place), points, "data-schedule": curve.id });
      line.classList.toggle("in-focus", curve.focus);
      return line;
    });
    for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]]) {
      svg.setAttribute(name, value);
    }
    svg.replaceChildren(axes, ...lines);
    svg.scale = { bottom, top, highest };
  }

  Object.assign(GuideExplorer, { make, swatch, plot });
})();
