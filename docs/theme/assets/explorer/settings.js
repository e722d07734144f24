/* What can be set about a schedule, and how a wanted value becomes one that counts. Pure, as are python.js, torch.js,
   recipes.js and schedules.js: no page, no state; the tests run these files alike. They are plain scripts, not modules:
   a browser loads no module from a folder. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  /**
   * A setting. `lowest`, `highest` and `initial` are numbers, or functions of the settings resolved before it: the last
   * part of the run follows its length until somebody sets it.
   *
   * @typedef {object} Setting
   * @property {string} name as torch calls it, where torch has it; also its key in the page's address
   * @property {string} [label] shown in place of the name
   * @property {"whole" | "real" | "log" | "choice"} kind log: a slider over powers of ten
   * @property {number | function(Object): number} [lowest]
   * @property {number | function(Object): number} [highest]
   * @property {number} [step] of slider and arrow keys
   * @property {number | string | function(Object): number} initial
   * @property {string[]} [options] of a choice
   */

  const whole = (name, initial, lowest, highest) => ({ name, kind: "whole", initial, lowest, highest, step: 1 });
  const real = (name, initial, lowest, highest, step) => ({ name, kind: "real", initial, lowest, highest, step });
  const log = (name, initial, lowest, highest) => ({ name, kind: "log", initial, lowest, highest, step: 0.01 });
  const choice = (name, options) => ({ name, kind: "choice", options, initial: options[0] });

  /** The settings of every schedule: the base (or peak) rate, and the updates of the run. */
  const COMMON = [log("lr", 0.1, 1e-5, 10), whole("steps", 200, 20, 2000)];

  const half = (s) => Math.floor(s.steps / 2);
  const share = (part) => (s) => Math.max(1, Math.round(part * s.steps));
  const rest = (s) => s.steps - s.warmup;
  const longest = (s) => 2 * s.steps;
  const length = (name, initial) => whole(name, initial, 1, longest);
  const WARMUP = whole("warmup", 0, 0, half);
  const FLOOR = { ...real("floor", 0, 0, 1, 0.01), label: "eta_min / lr" };

  const of = (value, s) => (typeof value === "function" ? value(s) : value);

  /** The value that a setting takes when `wanted` was asked for: within its bounds, whole where it must be. */
  function valid(setting, wanted, s) {
    if (setting.kind === "choice") return setting.options.includes(wanted) ? wanted : setting.initial;
    const number = wanted === undefined || wanted === "" ? NaN : Number(wanted);
    const value = Number.isFinite(number) ? number : of(setting.initial, s);
    const rounded = setting.kind === "whole" ? Math.round(value) : value;
    return Math.min(of(setting.highest, s), Math.max(of(setting.lowest, s), rounded));
  }

  /**
   * All settings of a schedule.
   *
   * @param {Schedule} schedule
   * @param {Object} common wanted values of COMMON, by name; what is missing or no number takes its initial value
   * @param {Object} own wanted values of the schedule's own settings
   */
  function resolve(schedule, common, own) {
    const s = {};
    for (const setting of COMMON) s[setting.name] = valid(setting, common[setting.name], s);
    for (const setting of schedule.settings) s[setting.name] = valid(setting, own[setting.name], s);
    return s;
  }

  Object.assign(GuideExplorer, {
    settings: { whole, real, log, choice, length, half, share, rest, WARMUP, FLOOR },
    COMMON,
    of,
    resolve,
  });
})();
