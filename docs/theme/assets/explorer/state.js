/* What the explorer shows, as the query of the page's address: pure text in, text out.
   ?schedules=step-lr.one-cycle-lr&focus=step-lr&lr=0.1&steps=500&step-lr.gamma=0.5 */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const { COMMON, SCHEDULES } = GuideExplorer;
  const SHOWN = ["warmup-cosine", "step-lr", "one-cycle-lr"];

  /**
   * @typedef {object} State
   * @property {string[]} shown ids, in the order of SCHEDULES
   * @property {string | null} focus the schedule whose settings and code are shown: one of `shown`
   * @property {Object<string, number>} common wanted values of COMMON; those at their initial value are missing
   * @property {Object<string, Object<string, number | string>>} own the same for each schedule's settings
   */

  /** @returns {State} what is shown at first */
  const initial = () => ({
    shown: [...SHOWN],
    focus: SHOWN[0],
    common: {},
    own: Object.fromEntries(SCHEDULES.map((schedule) => [schedule.id, {}])),
  });

  /** The keys of a query that are the explorer's; all others are left alone. */
  const KEYS = new Map([
    ["schedules", null],
    ["focus", null],
    ...COMMON.map((setting) => [setting.name, (state) => state.common]),
    ...SCHEDULES.flatMap(({ id, settings }) => settings.map((s) => [`${id}.${s.name}`, (state) => state.own[id]])),
  ]);

  /** The state that a query describes; what it leaves out or misspells is as at first. @returns {State} */
  function read(query) {
    const state = initial();
    const asked = new URLSearchParams(query);
    if (asked.has("schedules")) {
      const names = asked.get("schedules").split(/[.,]/);
      const known = SCHEDULES.map((schedule) => schedule.id).filter((id) => names.includes(id));
      if (known.length || names.join() === "") state.shown = known; // an empty list is a choice too
    }
    const focus = asked.get("focus");
    state.focus = state.shown.includes(focus) ? focus : (state.shown[0] ?? null);
    for (const [key, group] of KEYS) {
      if (group && asked.has(key)) group(state)[key.slice(key.indexOf(".") + 1)] = asked.get(key);
    }
    return state;
  }

  /** The query for a state, which keeps the other keys of `query`. @returns {string} "" or "?…" */
  function write(state, query) {
    const asked = new URLSearchParams(query);
    for (const key of KEYS.keys()) asked.delete(key);
    const first = initial();
    if (state.shown.join() !== first.shown.join()) asked.set("schedules", state.shown.join("."));
    if (state.focus && state.focus !== state.shown[0]) asked.set("focus", state.focus);
    for (const [key, group] of KEYS) {
      const value = group && group(state)[key.slice(key.indexOf(".") + 1)];
      if (value !== undefined && value !== null) asked.set(key, value); // for schedules and focus `value` is null
    }
    const text = asked.toString();
    return text && `?${text}`;
  }

  Object.assign(GuideExplorer, { state: { initial, read, write } });
})();
