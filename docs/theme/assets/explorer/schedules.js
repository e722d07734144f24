/* All schedules of the explorer. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  const { torch, recipes } = GuideExplorer;

  /**
   * In the order in which they are listed. A schedule's place gives it its colour and dashes, so new ones go last.
   *
   * @type {Schedule[]}
   */
  const SCHEDULES = [
    recipes.warmupCosine,
    torch.stepLR,
    torch.oneCycleLR,
    torch.linearDecay,
    torch.cosineLR,
    torch.restarts,
    torch.constant,
    torch.constantLR,
    torch.linearLR,
    torch.multiStepLR,
    torch.exponentialLR,
    torch.polynomialLR,
    torch.triangular,
    torch.triangular2,
    torch.expRange,
    recipes.warmupLinear,
    recipes.stableDecay,
    recipes.inverseSqrt,
    torch.swaLR,
  ];

  /** The rate of each update of the run. @returns {number[]} `s.steps` of them */
  const rates = (schedule, s) => Array.from({ length: s.steps }, (_, step) => schedule.rate(step, s));

  Object.assign(GuideExplorer, { SCHEDULES, rates });
})();
