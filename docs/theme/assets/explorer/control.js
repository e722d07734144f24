/* One setting's label and fields: a slider and a number that keep each other in step, or a choice. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const { of, make } = GuideExplorer;
  const NOTCH = 10 ** (1 / 20); // what an arrow key multiplies by, where the slider goes over powers of ten

  /** A number with so many significant digits. */
  const round = (value, digits) => Number(value.toPrecision(digits));

  /**
   * @param {string} id of the field, unique on the page
   * @param {Setting} setting
   * @param {string} meaning the words beside its name
   * @param {function(number | string): void} want called with what the reader sets
   * @param {function(): void} left called when the reader leaves the number: what is out of bounds is then put right
   * @returns {{element: HTMLElement, show: function(Object): void}} `show` fills the fields from resolved settings
   */
  function control(id, setting, meaning, want, left) {
    const name = make("code", {}, setting.label || setting.name);
    const label = make("label", { for: id, id: `${id}-label` }, name, " ", meaning);
    const wrap = (...fields) => make("div", { class: "setting" }, label, ...fields);

    if (setting.kind === "choice") {
      const field = make("select", { id }, ...setting.options.map((option) => make("option", { value: option }, option)));
      field.addEventListener("change", () => want(field.value));
      return { element: wrap(field), show: (s) => (field.value = s[setting.name]) };
    }

    const logarithmic = setting.kind === "log";
    const slider = make("input", { type: "range", step: setting.step, "aria-labelledby": `${id}-label` });
    const number = make("input", { type: "number", id, step: logarithmic ? "any" : setting.step });
    let now = 0;
    let typing = false; // nothing is put into the number meanwhile

    slider.addEventListener("input", () => want(logarithmic ? round(10 ** slider.value, 3) : Number(slider.value)));
    number.addEventListener("input", () => {
      typing = true;
      if (Number.isFinite(number.valueAsNumber)) want(number.valueAsNumber);
    });
    number.addEventListener("change", () => {
      typing = false;
      left();
    });
    if (logarithmic) {
      number.addEventListener("keydown", (event) => {
        const turn = { ArrowUp: NOTCH, ArrowDown: 1 / NOTCH }[event.key];
        if (!turn) return;
        event.preventDefault();
        typing = false;
        want(round(now * turn, 3));
      });
    }

    function show(s) {
      const scale = logarithmic ? Math.log10 : (value) => value;
      const [lowest, highest] = [of(setting.lowest, s), of(setting.highest, s)];
      now = s[setting.name];
      [slider.min, slider.max, slider.value] = [scale(lowest), scale(highest), scale(now)];
      if (logarithmic) slider.setAttribute("aria-valuetext", String(now));
      [number.min, number.max] = [lowest, highest];
      if (!typing) number.value = now;
    }
    return { element: wrap(slider, number), show };
  }

  Object.assign(GuideExplorer, { control, round });
})();
