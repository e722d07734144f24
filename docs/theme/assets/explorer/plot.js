/* Draws the curves of the explorer. Every colour and dash comes from the schedule, so that a curve keeps its look. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const COLOURS = 8; // --figure-1 to --figure-8 in guide.css
  const DASHES = [null, "9 4", "2 3.5", "10 3.5 2 3.5", "16 5"]; // as many as share no factor with COLOURS
  const [LEFT, RIGHT, TOP, BOTTOM] = [52, 12, 26, 40]; // pixels between the drawing's edge and its axes

  /** An element of the page, or of a drawing within it. Attributes that are null or false are left out. */
  function make(tag, attributes = {}, ...children) {
    const drawn = ["svg", "g", "line", "polyline", "circle", "text"].includes(tag);
    const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  /** How the schedule at a place of the list is drawn. */
  const colour = (place) => `curve-${(place % COLOURS) + 1}`;
  const look = (place) => ({ class: `curve ${colour(place)}`, "stroke-dasharray": DASHES[place % DASHES.length] });

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
   * @returns {{mark: function(number): void, stepAt: function(number): number}} `mark` shows where an update is on every
   *   curve; `stepAt` is the update below a point, its x in pixels from the drawing's left edge
   */
  function plot(svg, width, curves, steps, names) {
    const height = Math.round(Math.min(360, Math.max(220, width / 2)));
    const [right, bottom] = [width - RIGHT, height - BOTTOM];
    const highest = 1.04 * Math.max(1e-9, ...curves.map((curve) => curve.rates.reduce((a, b) => Math.max(a, b), 0)));
    const x = (step) => LEFT + ((right - LEFT) * step) / (steps - 1);
    const y = (rate) => bottom - ((bottom - TOP) * rate) / highest;

    const axes = make("g", { class: "axes" });
    for (const tick of ticks(highest, 6)) {
      axes.append(
        make("line", { class: "grid", x1: LEFT, x2: right, y1: y(tick), y2: y(tick) }),
        make("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
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
    const marks = make("g", { class: "marks" });
    for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]]) {
      svg.setAttribute(name, value);
    }
    svg.replaceChildren(axes, ...lines, marks);
    Object.assign(svg, { scale: { left: LEFT, right, top: TOP, bottom, highest, steps } }); // for the tests

    return {
      mark(step) {
        marks.replaceChildren(
          make("line", { class: "here", x1: x(step), x2: x(step), y1: TOP - 8, y2: bottom }),
          ...ordered.map(({ place, rates }) =>
            make("circle", { class: `mark ${colour(place)}`, cx: x(step), cy: y(rates[step]), r: 4 }),
          ),
        );
      },
      stepAt: (at) => Math.min(steps - 1, Math.max(0, Math.round(((at - LEFT) / (right - LEFT)) * (steps - 1)))),
    };
  }

  Object.assign(GuideExplorer, { make, swatch, plot });
})();
