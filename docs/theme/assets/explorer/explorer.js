/* The schedule explorer on the schedulers' page: choose, set, see the curves, copy the code. The page stands without it. */
(() => {
  "use strict";

  const { COMMON, SCHEDULES, of, resolve, rates, program, make, swatch, plot } = GuideExplorer;
  const ROWS = 20; // of the table, about
  const PAUSE = 150; // milliseconds before the address follows a slider: browsers refuse too many changes

  const before = document.getElementById("schedule-explorer");
  if (!before) return;
  const words = GuideExplorer.words(document.documentElement.lang);
  const language = document.querySelector("a.guide-language");
  const byId = new Map(SCHEDULES.map((schedule, place) => [schedule.id, { ...schedule, place }]));
  let state = GuideExplorer.state.read(location.search);

  /* Controls --------------------------------------------------------------- */

  const round = (value, digits) => Number(value.toPrecision(digits));

  /**
   * A setting's label and fields, which keep each other in step.
   *
   * @param {function(): Object} values where the wanted value is kept
   * @returns {{element: HTMLElement, show: function(Object): void}} `show` fills the fields from resolved settings
   */
  function control(setting, schedule, values) {
    const id = `explorer-${schedule}-${setting.name}`;
    const name = make("code", {}, setting.label || setting.name);
    const label = make("label", { for: id, id: `${id}-label` }, name, " ", words.setting(schedule, setting.name));
    const want = (value) => {
      values()[setting.name] = value;
      redraw();
    };

    if (setting.kind === "choice") {
      const options = setting.options.map((option) => make("option", { value: option }, option));
      const field = make("select", { id }, ...options);
      field.addEventListener("change", () => want(field.value));
      return { element: make("div", { class: "setting" }, label, field), show: (s) => (field.value = s[setting.name]) };
    }

    const logarithmic = setting.kind === "log";
    const slider = make("input", { type: "range", step: setting.step, "aria-labelledby": `${id}-label` });
    const number = make("input", { type: "number", id, step: logarithmic ? "any" : setting.step });
    slider.addEventListener("input", () => want(logarithmic ? round(10 ** slider.value, 3) : Number(slider.value)));
    let now = 0;
    let typing = false; // nothing is put into the field meanwhile
    number.addEventListener("input", () => {
      typing = true;
      if (Number.isFinite(number.valueAsNumber)) want(number.valueAsNumber);
    });
    number.addEventListener("change", () => {
      typing = false;
      redraw(); // what is out of bounds shows as what it was taken for
    });
    if (logarithmic) {
      number.addEventListener("keydown", (event) => {
        const turn = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!turn) return;
        event.preventDefault();
        typing = false;
        want(round(now * 10 ** (turn / 20), 3));
      });
    }

    function show(s) {
      const [value, lowest, highest] = [s[setting.name], of(setting.lowest, s), of(setting.highest, s)];
      const scale = logarithmic ? Math.log10 : (v) => v;
      [slider.min, slider.max, slider.value] = [scale(lowest), scale(highest), scale(value)];
      if (logarithmic) slider.setAttribute("aria-valuetext", String(value));
      [number.min, number.max] = [lowest, highest];
      if (!typing) number.value = value;
      now = value;
    }
    return { element: make("div", { class: "setting" }, label, slider, number), show };
  }

  /* The page's elements ---------------------------------------------------- */

  const boxes = SCHEDULES.map((schedule, place) => {
    const box = make("input", { type: "checkbox", value: schedule.id });
    box.addEventListener("change", () => choose(schedule.id, box.checked));
    return { box, element: make("label", {}, box, swatch(place), make("span", {}, words.schedule(schedule.id))) };
  });
  const choice = make(
    "fieldset",
    { class: "choice" },
    make("legend", {}, words.phrase("schedules")),
    ...boxes.map((each) => each.element),
  );
  const drawing = make("svg", { role: "img" });
  const none = make("p", {}, words.phrase("none"));
  const common = COMMON.map((setting) => control(setting, "all", () => state.common));
  const commonBox = make(
    "fieldset",
    { class: "settings" },
    make("legend", {}, words.phrase("common")),
    ...common.map((each) => each.element),
  );
  const focus = make("select", { id: "explorer-focus" });
  const own = make("fieldset", { class: "settings", "aria-labelledby": "explorer-focus-label" });
  const page = make("a");
  const more = make("span", { class: "more" }, words.phrase("more"), " ", page);
  const code = make("code", { tabindex: 0, role: "region", "aria-label": words.phrase("code") });
  const copy = make("button", { type: "button", class: "md-button md-button--primary" }, words.phrase("copy"));
  const reset = make("button", { type: "button", class: "md-button" }, words.phrase("reset"));
  const said = make("span", { role: "status" });
  const table = make("table", { class: "data" });
  const focused = make(
    "div",
    { class: "focused" },
    make(
      "p",
      { class: "focus" },
      make("label", { for: "explorer-focus", id: "explorer-focus-label" }, words.phrase("focus")),
      " ",
      focus,
      " ",
      more,
    ),
    own,
    make("pre", {}, code),
  );
  const details = make(
    "details",
    { class: "figure-data" },
    make("summary", {}, words.phrase("numbers")),
    make("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": words.phrase("numbers") }, table),
  );
  const canvas = make("div", { class: "plot" }, drawing);
  const buttons = make("p", { class: "buttons" }, copy, " ", reset, " ", said);
  const explorer = make("div", { id: before.id, class: "schedule-explorer" });
  explorer.append(choice, canvas, none, details, commonBox, focused, buttons);

  /* What is shown ---------------------------------------------------------- */

  let settings = []; // the controls of the schedule in focus
  let shown = null; // its id

  function choose(id, wanted) {
    state.shown = SCHEDULES.map((schedule) => schedule.id).filter((each) =>
      each === id ? wanted : state.shown.includes(each),
    );
    if (wanted) state.focus = id;
    else if (state.focus === id) state.focus = state.shown[0] ?? null;
    redraw();
  }

  function showFocus() {
    if (shown === state.focus) return;
    shown = state.focus;
    const schedule = byId.get(shown);
    settings = schedule ? schedule.settings.map((setting) => control(setting, shown, () => state.own[shown])) : [];
    own.replaceChildren(...settings.map((each) => each.element));
    if (!schedule) return;
    page.href = `${schedule.entry}.html`;
    page.textContent = words.schedule(shown);
  }

  function showTable(curves, steps) {
    const every = Math.max(1, Math.round((steps - 1) / ROWS));
    const rows = [];
    for (let step = 0; step < steps - 1; step += every) rows.push(step);
    rows.push(steps - 1);
    const head = [words.phrase("x"), ...curves.map((curve) => words.schedule(curve.id))];
    const line = (step) => [step, ...curves.map((curve) => round(curve.rates[step], 4))];
    const row = (cells, tag, given) => make("tr", {}, ...cells.map((cell) => make(tag, given, String(cell))));
    table.replaceChildren(
      make("thead", {}, row(head, "th", { scope: "col" })),
      make("tbody", {}, ...rows.map((step) => row(line(step), "td"))),
    );
  }

  function showPlot() {
    const width = Math.max(260, Math.floor(canvas.clientWidth));
    plot(drawing, width, explorer.curves, explorer.steps, { x: words.phrase("x"), y: words.phrase("y") });
  }

  /** Show the state, everywhere. */
  function redraw() {
    const forAll = resolve({ settings: [] }, state.common, {});
    const { steps } = forAll;
    const curves = state.shown.map((id) => {
      const { place, ...schedule } = byId.get(id);
      const s = resolve(schedule, state.common, state.own[id]);
      return { id, place, focus: id === state.focus, settings: s, rates: rates(schedule, s), code: program(schedule, s) };
    });
    Object.assign(explorer, { curves, steps }); // for the tests
    for (const { box } of boxes) box.checked = state.shown.includes(box.value);
    const options = state.shown.map((id) => make("option", { value: id }, words.schedule(id)));
    if ([...focus.options].map((option) => option.value).join() !== state.shown.join()) focus.replaceChildren(...options);
    if (state.focus) focus.value = state.focus;
    showFocus();
    for (const each of common) each.show(forAll);
    const current = curves.find((curve) => curve.focus);
    for (const each of settings) each.show(current.settings);
    code.textContent = current ? current.code : "";
    said.textContent = "";
    none.hidden = Boolean(current);
    for (const part of [focused, copy, details]) part.hidden = !current;
    const names = words.list(state.shown.map((id) => words.schedule(id)));
    drawing.setAttribute("aria-label", words.phrase("plot", { steps, names }));
    showPlot();
    showTable(curves, steps);
    remember();
  }

  /* The address ------------------------------------------------------------ */

  let waiting = 0;
  let followed = false; // the address is left alone until somebody changes something

  function remember() {
    const query = GuideExplorer.state.write(state, "");
    if (language) [language.search, language.hash] = [query, query && "#explorer"];
    if (!followed) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const address = new URL(location.href);
      address.search = GuideExplorer.state.write(state, address.search);
      if (query) address.hash = "#explorer";
      if (address.href !== location.href) history.replaceState(history.state, "", address);
    }, PAUSE);
  }

  /* ------------------------------------------------------------------------ */

  focus.addEventListener("change", () => {
    state.focus = focus.value;
    redraw();
  });
  reset.addEventListener("click", () => {
    state = GuideExplorer.state.initial();
    redraw();
  });
  copy.addEventListener("click", async () => {
    let copied;
    try {
      await navigator.clipboard.writeText(code.textContent);
      copied = true;
    } catch {
      getSelection().selectAllChildren(code); // no clipboard: an old browser, or a page that did not come by https
      copied = document.execCommand("copy");
    }
    said.textContent = words.phrase(copied ? "copied" : "notCopied");
  });

  before.replaceWith(explorer);
  redraw();
  followed = true;
  let width = canvas.clientWidth;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    showPlot();
  }).observe(canvas);
})();
