/* Schedules that torch does not ship: a factor of the base rate as a function of the update, for LambdaLR. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const { float } = GuideExplorer;
  const { cosine } = GuideExplorer.torch;
  const { whole, choice, half, share, rest, WARMUP, FLOOR } = GuideExplorer.settings;

  /** A factor of the base rate that torch does not ship: `factor(step, s)`, and the same as a Python function. */
  function lambda(id, entry, settings, factor, python, math = () => false) {
    return {
      id,
      entry,
      settings,
      rate: (step, s) => s.lr * factor(step, s),
      code: (s) => ({
        names: ["LambdaLR"],
        math: math(s),
        factor: ["def factor(step: int) -> float:", ...python(s).map((line) => `    ${line}`)],
        scheduler: ["scheduler = LambdaLR(optimizer, factor)"],
      }),
    };
  }

  const warmupPython = (s) => (s.warmup ? [`if step < ${s.warmup}:`, `    return (step + 1) / ${s.warmup}`] : []);

  /** Linear warm-up, then half a cosine to floor lr at the end of the run. */
  const warmupCosine = lambda(
    "warmup-cosine",
    "warmup-cosine",
    [{ ...WARMUP, initial: share(0.1) }, { ...FLOOR, label: "floor" }],
    (step, s) =>
      step < s.warmup ? (step + 1) / s.warmup : s.floor + (1 - s.floor) * cosine((step - s.warmup) / rest(s)),
    (s) => [
      ...warmupPython(s),
      s.warmup ? `progress = (step - ${s.warmup}) / (steps - ${s.warmup})` : "progress = step / steps",
      `${s.floor ? "fall =" : "return"} (1 + math.cos(math.pi * min(1.0, progress))) / 2`,
      ...(s.floor ? [`return ${float(s.floor)} + (1 - ${float(s.floor)}) * fall`] : []),
    ],
    () => true,
  );

  /** Linear warm-up, then a straight line to zero at the end of the run. */
  const warmupLinear = lambda(
    "warmup-linear",
    "linear-decay-to-zero",
    [{ ...WARMUP, initial: share(0.1) }],
    (step, s) => (step < s.warmup ? (step + 1) / s.warmup : (s.steps - step) / rest(s)),
    (s) => [
      ...warmupPython(s),
      s.warmup ? `return max(0.0, (steps - step) / (steps - ${s.warmup}))` : "return max(0.0, (steps - step) / steps)",
    ],
  );

  const FALLS = {
    linear: [(part) => 1 - part, "1 - part"],
    "1-sqrt": [(part) => 1 - Math.sqrt(part), "1 - part**0.5"],
    cosine: [cosine, "(1 + math.cos(math.pi * part)) / 2"],
  };

  /**
   * Warm-up, a constant rate, and in the last `decay` updates a fall that would be at zero one update after the run. The
   * three stages are those of Hu et al., "MiniCPM", 2024; 1 - sqrt is from Hägele et al., 2024.
   */
  const stableDecay = lambda(
    "warmup-stable-decay",
    "warmup-stable-decay",
    [{ ...WARMUP, initial: share(0.1) }, whole("decay", share(0.2), 1, half), choice("shape", Object.keys(FALLS))],
    (step, s) =>
      step < s.warmup
        ? (step + 1) / s.warmup
        : FALLS[s.shape][0](Math.max(0, (step - (s.steps - s.decay)) / s.decay)),
    (s) => [
      ...warmupPython(s),
      `part = min(1.0, max(0.0, (step - (steps - ${s.decay})) / ${s.decay}))  # of the fall`,
      `return ${FALLS[s.shape][1]}`,
    ],
    (s) => s.shape === "cosine",
  );

  /** lr min(n / w, sqrt(w / n)), n = step + 1: Vaswani et al., 2017, equation 3, with lr in place of its scale. */
  const inverseSqrt = lambda(
    "inverse-sqrt",
    "noam-schedule",
    [whole("warmup", share(0.1), 1, half)],
    (step, s) => Math.min((step + 1) / s.warmup, Math.sqrt(s.warmup / (step + 1))),
    (s) => [`return min((step + 1) / ${s.warmup}, (${s.warmup} / (step + 1)) ** 0.5)`],
  );

  GuideExplorer.recipes = { warmupCosine, warmupLinear, stableDecay, inverseSqrt };
})();
