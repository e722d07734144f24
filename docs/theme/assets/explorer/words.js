/* The words of the explorer in both editions, side by side. Names of torch's classes and arguments are not translated. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  /* What the generic name of a setting means; `id.name` where a schedule means something else by it. */
  const SETTINGS = {
    lr: ["base rate", "基础学习率"],
    steps: ["updates of the run", "总更新次数"],
    warmup: ["updates of linear warm-up", "线性预热的更新次数"],
    floor: ["lowest rate / base rate", "最低学习率 / 基础学习率"],
    factor: ["factor at first", "开始时的因子"],
    total_iters: ["steps until the end of the curve", "到曲线终点的步数"],
    start_factor: ["first factor", "起始因子"],
    end_factor: ["last factor", "终止因子"],
    step_size: ["steps between drops", "相邻两次下降的间隔"],
    gamma: ["factor of each drop", "每次下降乘以"],
    "exponential-lr.gamma": ["factor of each step", "每一步乘以"],
    "cyclic-exp-range.gamma": ["factor of the height at each step", "每一步高度乘以"],
    milestone_1: ["step of a drop", "一次下降所在的步"],
    milestone_2: ["step of a drop", "一次下降所在的步"],
    milestone_3: ["step of a drop", "一次下降所在的步"],
    power: ["exponent", "指数"],
    T_max: ["steps to the minimum", "到最低点的步数"],
    T_0: ["steps of the first period", "第一个周期的步数"],
    T_mult: ["next period / period", "后一周期与前一周期之比"],
    pct_start: ["part of the run that climbs", "上升阶段所占比例"],
    div_factor: ["highest rate / first rate", "最高学习率 / 起始学习率"],
    final_div_factor: ["first rate / last rate", "起始学习率 / 最后的学习率"],
    anneal_strategy: ["shape", "形状"],
    step_size_up: ["steps up", "上升的步数"],
    step_size_down: ["steps down", "下降的步数"],
    decay: ["updates of the fall", "衰减阶段的更新次数"],
    shape: ["shape of the fall", "衰减的形状"],
    swa_start: ["update at which averaging starts", "开始平均的更新"],
    swa_lr: ["rate of averaging / base rate", "平均阶段的学习率 / 基础学习率"],
    anneal_epochs: ["steps to that rate", "过渡到该学习率的步数"],
  };

  const SCHEDULES = {
    "warmup-cosine": ["warm-up + cosine", "预热 + 余弦"],
    "step-lr": ["StepLR", "StepLR"],
    "one-cycle-lr": ["OneCycleLR", "OneCycleLR"],
    "linear-decay-to-zero": ["linear decay to zero", "线性衰减到零"],
    "cosine-annealing-lr": ["CosineAnnealingLR", "CosineAnnealingLR"],
    "cosine-warm-restarts": ["CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts"],
    constant: ["constant", "恒定"],
    "constant-lr": ["ConstantLR", "ConstantLR"],
    "linear-lr": ["LinearLR", "LinearLR"],
    "multi-step-lr": ["MultiStepLR", "MultiStepLR"],
    "exponential-lr": ["ExponentialLR", "ExponentialLR"],
    "polynomial-lr": ["PolynomialLR", "PolynomialLR"],
    "cyclic-triangular": ["CyclicLR, triangular", "CyclicLR，triangular"],
    "cyclic-triangular2": ["CyclicLR, triangular2", "CyclicLR，triangular2"],
    "cyclic-exp-range": ["CyclicLR, exp_range", "CyclicLR，exp_range"],
    "warmup-linear": ["warm-up + linear", "预热 + 线性"],
    "warmup-stable-decay": ["warm-up, stable, decay (WSD)", "预热-稳定-衰减（WSD）"],
    "inverse-sqrt": ["inverse square root (Noam)", "平方根倒数（Noam）"],
    swalr: ["SWALR", "SWALR"],
  };

  const PHRASES = {
    schedules: ["Schedules", "调度"],
    focus: ["Settings and code of", "设置与代码："],
    common: ["For all curves", "对所有曲线"],
    none: ["Choose a schedule to see its curve.", "选择一种调度，即可看到它的曲线。"],
    plot: ["Learning rate over {steps} updates: {names}", "{steps} 次更新中的学习率：{names}"],
    x: ["update", "更新"],
    y: ["learning rate", "学习率"],
    reader: ["Read the rates of an update", "读取某次更新的学习率"],
    reading: ["Update {step}: ", "第 {step} 次更新："],
    numbers: ["The numbers in this figure", "图中的数据"],
    more: ["How it works:", "原理见："],
    code: ["PyTorch code", "PyTorch 代码"],
    copy: ["Copy the PyTorch code", "复制 PyTorch 代码"],
    copied: ["Copied.", "已复制。"],
    notCopied: ["Not copied: select the code and copy it.", "未能复制：请选中代码后复制。"],
    reset: ["Reset", "重置"],
  };

  /** The words of one edition. @param {string} language of the page, as in its lang attribute */
  function words(language) {
    const place = language.startsWith("zh") ? 1 : 0;
    const pick = (table, key) => table[key][place];
    return {
      schedule: (id) => pick(SCHEDULES, id),
      setting: (id, name) => pick(SETTINGS, `${id}.${name}` in SETTINGS ? `${id}.${name}` : name),
      phrase: (key, values = {}) => pick(PHRASES, key).replace(/\{(\w+)\}/g, (_, name) => values[name]),
      list: (parts) => parts.join(place ? "、" : ", "),
    };
  }

  Object.assign(GuideExplorer, { words });
})();
