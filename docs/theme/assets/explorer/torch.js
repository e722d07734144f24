/* The schedules of torch: their curves in closed form, and the calls that make them. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const { float, call } = GuideExplorer;
  const { whole, real, log, choice, length, share, rest, WARMUP, FLOOR } = GuideExplorer.settings;

  /**
   * A schedule. Steps are updates of the weights, counted from 0; rates are in the unit of the base rate `lr`.
   *
   * @typedef {object} Schedule
   * @property {string} id
   * @property {string} entry the guide's page about it, in the schedulers' section
   * @property {Setting[]} settings after those of every schedule (COMMON)
   * @property {function(number, Object): number} rate of update number `step`, (step, resolved settings) -> rate
   * @property {function(Object): Code} code
   */

  /** Half a cosine from 1 to 0 as `part` goes from 0 to 1 (Loshchilov and Hutter, 2016, equation 5). */
  const cosine = (part) => (1 + Math.cos(Math.PI * part)) / 2;

  /** lr (step + 1) / w before update w: from lr / w to lr (Goyal et al., 2017, section 2.2). */
  const ramp = (step, s) => (s.lr * (step + 1)) / s.warmup;
  const rampCode = (target, s) =>
    call(target, "LinearLR", "optimizer", `start_factor=1 / ${s.warmup}`, `total_iters=${s.warmup - 1}`);

  /** A schedule of torch that may follow a linear warm-up, in which case its step 0 is update `warmup`. */
  function plain(id, name, settings, rate, given) {
    return {
      id,
      entry: id,
      settings: [WARMUP, ...settings],
      rate: (step, s) => (step < s.warmup ? ramp(step, s) : rate(step - s.warmup, s)),
      code(s) {
        if (!s.warmup) return { names: [name], scheduler: call("scheduler", name, "optimizer", ...given(s)) };
        return {
          names: [name, "LinearLR", "SequentialLR"].filter((each, place, all) => all.indexOf(each) === place),
          scheduler: [
            ...rampCode("warmup", s),
            ...call("main", name, "optimizer", ...given(s)),
            `scheduler = SequentialLR(optimizer, [warmup, main], milestones=[${s.warmup}])`,
          ],
        };
      },
    };
  }

  const floor = (s) => (s.floor ? `eta_min=${float(s.floor)} * lr` : "");

  /** lr. */
  const constant = {
    id: "constant",
    entry: "lr-warmup",
    settings: [WARMUP],
    rate: (step, s) => (step < s.warmup ? ramp(step, s) : s.lr),
    code: (s) => (s.warmup ? { names: ["LinearLR"], scheduler: rampCode("scheduler", s) } : { scheduler: [] }),
  };

  /** factor lr before step total_iters, then lr (torch.optim.lr_scheduler.ConstantLR). */
  const constantLR = plain(
    "constant-lr",
    "ConstantLR",
    [real("factor", 0.3, 0.01, 1, 0.01), length("total_iters", share(0.25))],
    (step, s) => (step < s.total_iters ? s.lr * s.factor : s.lr),
    (s) => [`factor=${float(s.factor)}`, `total_iters=${s.total_iters}`],
  );

  /** The factor of lr goes in a straight line from start_factor to end_factor in total_iters steps (LinearLR). */
  const linearLR = plain(
    "linear-lr",
    "LinearLR",
    [
      real("start_factor", 0.1, 0.01, 1, 0.01),
      real("end_factor", 1, 0, 1, 0.01),
      length("total_iters", share(0.5)),
    ],
    (step, s) =>
      s.lr * (s.start_factor + ((s.end_factor - s.start_factor) * Math.min(step, s.total_iters)) / s.total_iters),
    (s) => [
      `start_factor=${float(s.start_factor)}`,
      `end_factor=${float(s.end_factor)}`,
      `total_iters=${s.total_iters}`,
    ],
  );

  /** lr (1 - step / total_iters), then 0 (Li et al., "Budgeted Training", 2019, section 3). */
  const linearDecay = plain(
    "linear-decay-to-zero",
    "LinearLR",
    [length("total_iters", rest)],
    (step, s) => s.lr * (1 - Math.min(step, s.total_iters) / s.total_iters),
    (s) => ["start_factor=1.0", "end_factor=0.0", `total_iters=${s.total_iters}`],
  );

  /** lr gamma^floor(step / step_size) (StepLR). */
  const stepLR = plain(
    "step-lr",
    "StepLR",
    [length("step_size", share(0.3)), real("gamma", 0.3, 0.01, 1, 0.01)],
    (step, s) => s.lr * s.gamma ** Math.floor(step / s.step_size),
    (s) => [`step_size=${s.step_size}`, `gamma=${float(s.gamma)}`],
  );

  /** lr gamma^(number of milestones at or before step) (MultiStepLR). */
  const milestones = (s) => [s.milestone_1, s.milestone_2, s.milestone_3].sort((a, b) => a - b);
  const multiStepLR = plain(
    "multi-step-lr",
    "MultiStepLR",
    [
      length("milestone_1", share(0.5)),
      length("milestone_2", share(0.75)),
      length("milestone_3", share(0.9)),
      real("gamma", 0.3, 0.01, 1, 0.01),
    ],
    (step, s) => s.lr * s.gamma ** milestones(s).filter((milestone) => milestone <= step).length,
    (s) => [`milestones=[${milestones(s).join(", ")}]`, `gamma=${float(s.gamma)}`],
  );

  /** lr gamma^step (ExponentialLR). */
  const exponentialLR = plain(
    "exponential-lr",
    "ExponentialLR",
    [real("gamma", 0.98, 0.9, 1, 0.0001)],
    (step, s) => s.lr * s.gamma ** step,
    (s) => [`gamma=${float(s.gamma)}`],
  );

  /** lr (1 - step / total_iters)^power, then 0 (PolynomialLR). */
  const polynomialLR = plain(
    "polynomial-lr",
    "PolynomialLR",
    [length("total_iters", rest), real("power", 2, 0.1, 5, 0.1)],
    (step, s) => s.lr * (1 - Math.min(step, s.total_iters) / s.total_iters) ** s.power,
    (s) => [`total_iters=${s.total_iters}`, `power=${float(s.power)}`],
  );

  /** eta_min + (lr - eta_min) (1 + cos(pi step / T_max)) / 2, which rises again after T_max (CosineAnnealingLR). */
  const cosineLR = plain(
    "cosine-annealing-lr",
    "CosineAnnealingLR",
    [length("T_max", rest), FLOOR],
    (step, s) => s.lr * (s.floor + (1 - s.floor) * cosine(step / s.T_max)),
    (s) => [`T_max=${s.T_max}`, floor(s)],
  );

  /** The same from lr again after T_0 steps, then T_0 T_mult, T_0 T_mult^2, ... (CosineAnnealingWarmRestarts). */
  const restarts = plain(
    "cosine-warm-restarts",
    "CosineAnnealingWarmRestarts",
    [length("T_0", share(0.25)), whole("T_mult", 2, 1, 4), FLOOR],
    (step, s) => {
      let [since, period] = [step, s.T_0];
      while (since >= period) [since, period] = [since - period, period * s.T_mult];
      return s.lr * (s.floor + (1 - s.floor) * cosine(since / period));
    },
    (s) => [`T_0=${s.T_0}`, `T_mult=${s.T_mult}`, floor(s)],
  );

  /**
   * From lr / div_factor to lr at step pct_start steps - 1, then to lr / div_factor / final_div_factor at the last
   * (Smith and Topin, 2017; OneCycleLR with two phases).
   */
  const oneCycleLR = {
    id: "one-cycle-lr",
    entry: "one-cycle-lr",
    settings: [
      real("pct_start", 0.3, 0.1, 0.9, 0.01),
      real("div_factor", 25, 1, 100, 1),
      log("final_div_factor", 1e4, 1, 1e6),
      choice("anneal_strategy", ["cos", "linear"]),
    ],
    rate(step, s) {
      const [first, peak] = [s.lr / s.div_factor, s.pct_start * s.steps - 1];
      const last = first / s.final_div_factor;
      const [from, to, part] =
        step <= peak ? [first, s.lr, step / peak] : [s.lr, last, (step - peak) / (s.steps - 1 - peak)];
      return to + (from - to) * (s.anneal_strategy === "cos" ? cosine(part) : 1 - part);
    },
    code: (s) => ({
      names: ["OneCycleLR"],
      scheduler: call(
        "scheduler",
        "OneCycleLR",
        "optimizer",
        "max_lr=lr",
        "total_steps=steps",
        `pct_start=${float(s.pct_start)}`,
        `anneal_strategy="${s.anneal_strategy}"`,
        `div_factor=${float(s.div_factor)}`,
        `final_div_factor=${float(s.final_div_factor)}`,
      ),
    }),
  };

  /**
   * Triangles from low = floor lr to lr: low + (lr - low) h(step) scale, where h goes from 0 to 1 in step_size_up steps
   * and back in step_size_down (Smith, 2015, section 3; CyclicLR).
   *
   * @param {function(number, number, Object): number} scale (number of the cycle from 0, step, settings) -> factor
   */
  function cyclic(mode, scale, extra) {
    return {
      id: `cyclic-${mode.replace("_", "-")}`,
      entry: "cyclic-lr",
      settings: [
        { ...FLOOR, initial: 0.1, label: "base_lr / max_lr" },
        length("step_size_up", share(0.15)),
        length("step_size_down", share(0.15)),
        ...extra,
      ],
      rate(step, s) {
        const cycle = Math.floor(step / (s.step_size_up + s.step_size_down));
        const since = step - cycle * (s.step_size_up + s.step_size_down);
        const height = since <= s.step_size_up ? since / s.step_size_up : 1 - (since - s.step_size_up) / s.step_size_down;
        const low = s.floor * s.lr;
        return low + (s.lr - low) * height * scale(cycle, step, s);
      },
      code: (s) => ({
        names: ["CyclicLR"],
        scheduler: call(
          "scheduler",
          "CyclicLR",
          "optimizer",
          `base_lr=${float(s.floor)} * lr`,
          "max_lr=lr",
          `step_size_up=${s.step_size_up}`,
          `step_size_down=${s.step_size_down}`,
          `mode="${mode}"`,
          extra.length && `gamma=${float(s.gamma)}`,
        ),
      }),
    };
  }

  /** lr up to update swa_start, then in anneal_epochs steps to swa_lr, and constant (torch.optim.swa_utils.SWALR). */
  const swaLR = {
    id: "swalr",
    entry: "swa",
    settings: [
      whole("swa_start", share(0.7), 1, (s) => s.steps),
      { ...real("swa_lr", 0.5, 0.01, 2, 0.01), label: "swa_lr / lr" },
      length("anneal_epochs", share(0.1)),
      choice("anneal_strategy", ["cos", "linear"]),
    ],
    rate(step, s) {
      const part = Math.min(1, Math.max(0, step - s.swa_start) / s.anneal_epochs);
      const kept = s.anneal_strategy === "cos" ? cosine(part) : 1 - part;
      return s.lr * (kept + (1 - kept) * s.swa_lr);
    },
    code: (s) => ({
      swa: "SWALR",
      scheduler: call(
        "scheduler",
        "SWALR",
        "optimizer",
        `swa_lr=${float(s.swa_lr)} * lr`,
        `anneal_epochs=${s.anneal_epochs}`,
        `anneal_strategy="${s.anneal_strategy}"`,
      ),
      when: `step >= ${s.swa_start}`,
    }),
  };

  GuideExplorer.torch = {
    cosine,
    constant,
    constantLR,
    linearLR,
    linearDecay,
    stepLR,
    multiStepLR,
    exponentialLR,
    polynomialLR,
    cosineLR,
    restarts,
    oneCycleLR,
    triangular: cyclic("triangular", () => 1, []),
    triangular2: cyclic("triangular2", (cycle) => 0.5 ** cycle, []),
    expRange: cyclic("exp_range", (cycle, step, s) => s.gamma ** step, [real("gamma", 0.99, 0.9, 1, 0.0001)]),
    swaLR,
  };
})();
