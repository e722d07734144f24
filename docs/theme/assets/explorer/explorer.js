/* The schedule explorer on the schedulers' page: choose, set, see the curves, copy the code. The page stands without it. */
(() => {
  "use strict";

  const { COMMON, SCHEDULES, resolve, rates, program, make, swatch, plot, control, round } = GuideExplorer;
  const ROWS = 20; // of the table, about
  const PAUSE = 150; // milliseconds before the address follows a slider: browsers refuse too many changes

  const before = document.getElementById("schedule-explorer");
  if (!before) return;
  const words = GuideExplorer.words(document.documentElement.lang);
  const phrase = words.phrase;
  const language = document.querySelector("a.guide-language");
  const places = new Map(SCHEDULES.map((schedule, place) => [schedule.id, place]));
  let state = GuideExplorer.state.read(location.search);
  let reading = 0; // the update whose rates are shown; no part of the address

  /* The page's elements ---------------------------------------------------- */

  /** A schedule's name, which may break between the words that its class name is made of. */
  const named = (id) => words.schedule(id).split(/(?<=[a-z])(?=[A-Z])/).flatMap((part) => [part, make("wbr")]);
  const settingsOf = (legend, ...children) => make("fieldset", { class: "settings", ...legend }, ...children);

  const drawing = make("svg", { role: "img" });
  const canvas = make("div", { class: "plot" }, drawing);
  const reader = make("input", { type: "range", min: 0, step: 1, class: "reader", "aria-label": phrase("reader") });
  const readout = make("div", { class: "readout" });
  const none = make("p", {}, phrase("none"));
  const boxes = SCHEDULES.map((schedule, place) => {
    const box = make("input", { type: "checkbox", value: schedule.id });
    box.addEventListener("change", () => choose(schedule.id, box.checked));
    return { box, element: make("label", {}, box, swatch(place), make("span", {}, ...named(schedule.id))) };
  });
  const choice = make(
    "fieldset",
    { class: "choice" },
    make("legend", {}, phrase("schedules")),
    ...boxes.map((each) => each.element),
  );
  const common = COMMON.map((setting) => settingControl(setting, "all", () => state.common));
  const commonBox = settingsOf({}, make("legend", {}, phrase("common")), ...common.map((each) => each.element));
  const focus = make("select", { id: "explorer-focus" });
  const page = make("a");
  const focusLine = make(
    "p",
    { class: "focus" },
    make("label", { for: "explorer-focus", id: "explorer-focus-label" }, phrase("focus")),
    focus,
    make("span", {}, phrase("more"), " ", page),
  );
  const own = settingsOf({ "aria-labelledby": "explorer-focus-label" });
  const code = make("code", { tabindex: 0, role: "region", "aria-label": phrase("code") });
  const copy = make("button", { type: "button", class: "md-button md-button--primary" }, phrase("copy"));
  const reset = make("button", { type: "button", class: "md-button" }, phrase("reset"));
  const said = make("span", { role: "status" });
  const listing = make("pre", { class: "no-copy" }, code); // the theme's copy button would be a second one
  const table = make("table", { class: "data" });
  const numbers = make(
    "details",
    { class: "figure-data" },
    make("summary", {}, phrase("numbers")),
    make("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": phrase("numbers") }, table),
  );
  const explorer = make("div", { id: before.id, class: "schedule-explorer" });
  explorer.append(
    make("div", { class: "bench" }, make("div", { class: "stage" }, canvas, reader), readout, none, choice, commonBox, focusLine, own),
    make("p", { class: "buttons" }, copy, reset, said),
    listing,
    numbers,
  );

  /** A setting's fields; `values` is where the wanted value is kept. */
  function settingControl(setting, schedule, values) {
    const want = (value) => {
      values()[setting.name] = value;
      redraw();
    };
    return control(`explorer-${schedule}-${setting.name}`, setting, words.setting(schedule, setting.name), want, redraw);
  }

  /* What is shown ---------------------------------------------------------- */

  let drawn = null; // what plot() returned
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

  function showFocus(current) {
    const options = state.shown.map((id) => make("option", { value: id }, words.schedule(id)));
    if ([...focus.options].map((option) => option.value).join() !== state.shown.join()) focus.replaceChildren(...options);
    if (current) focus.value = current.id;
    if (shown !== state.focus) {
      shown = state.focus;
      const schedule = SCHEDULES[places.get(shown)];
      settings = schedule ? schedule.settings.map((each) => settingControl(each, shown, () => state.own[shown])) : [];
      own.replaceChildren(...settings.map((each) => each.element));
      page.href = schedule ? `${schedule.entry}.html` : "";
      page.textContent = schedule ? words.schedule(shown) : "";
    }
    for (const each of settings) each.show(current.settings);
    code.textContent = current ? current.code : "";
  }

  function showTable(curves, steps) {
    const every = Math.max(1, Math.round((steps - 1) / ROWS));
    const rows = [];
    for (let step = 0; step < steps - 1; step += every) rows.push(step);
    rows.push(steps - 1);
    const head = [phrase("x"), ...curves.map((curve) => words.schedule(curve.id))];
    const line = (step) => [step, ...curves.map((curve) => round(curve.rates[step], 4))];
    const row = (cells, tag, given) => make("tr", {}, ...cells.map((cell) => make(tag, given, String(cell))));
    table.replaceChildren(
      make("thead", {}, row(head, "th", { scope: "col" })),
      make("tbody", {}, ...rows.map((step) => row(line(step), "td"))),
    );
  }

  /** The rates of one update: on the curves, below them, and for those who hear the slider. */
  function showReading() {
    const { curves, steps } = explorer;
    reading = Math.min(reading, steps - 1);
    [reader.max, reader.value] = [steps - 1, reading];
    const rate = (curve) => String(round(curve.rates[reading], 4));
    const title = phrase("reading", { step: reading });
    const heard = curves.map((curve) => `${words.schedule(curve.id)} ${rate(curve)}`);
    reader.setAttribute("aria-valuetext", title + words.list(heard));
    readout.replaceChildren(
      make("span", {}, title),
      ...curves.map((curve) =>
        make("span", {}, swatch(curve.place), words.schedule(curve.id), make("b", {}, rate(curve))),
      ),
    );
    drawn.mark(reading);
  }

  function showPlot() {
    const width = Math.max(260, Math.floor(canvas.clientWidth));
    drawn = plot(drawing, width, explorer.curves, explorer.steps, { x: phrase("x"), y: phrase("y") });
    showReading();
  }

  /** Show the state, everywhere. */
  function redraw() {
    const forAll = resolve({ settings: [] }, state.common, {});
    const { steps } = forAll;
    const curves = state.shown.map((id) => {
      const place = places.get(id);
      const s = resolve(SCHEDULES[place], state.common, state.own[id]);
      const [found, text] = [rates(SCHEDULES[place], s), program(SCHEDULES[place], s)];
      return { id, place, focus: id === state.focus, settings: s, rates: found, code: text };
    });
    Object.assign(explorer, { curves, steps }); // for the tests too
    const current = curves.find((curve) => curve.focus);
    for (const { box } of boxes) box.checked = state.shown.includes(box.value);
    for (const each of common) each.show(forAll);
    showFocus(current);
    none.hidden = Boolean(current);
    for (const part of [reader, readout, focusLine, own, listing, copy, numbers]) part.hidden = !current;
    said.textContent = "";
    const names = words.list(state.shown.map((id) => words.schedule(id)));
    drawing.setAttribute("aria-label", phrase("plot", { steps, names }));
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

  /* What the reader does --------------------------------------------------- */

  function read(step) {
    reading = step;
    showReading();
  }
  reader.addEventListener("input", () => read(Number(reader.value)));
  for (const name of ["pointerdown", "pointermove"]) {
    drawing.addEventListener(name, (event) => read(drawn.stepAt(event.clientX - drawing.getBoundingClientRect().left)));
  }
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
    said.textContent = phrase(copied ? "copied" : "notCopied");
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
