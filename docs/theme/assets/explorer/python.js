/* Writes the PyTorch program that yields a curve. Pure: text out. */
var GuideExplorer = globalThis.GuideExplorer || {};

(() => {
  "use strict";

  /**
   * What is particular about a schedule's program; program() writes the rest.
   *
   * @typedef {object} Code
   * @property {string[]} [names] imported from torch.optim.lr_scheduler
   * @property {string} [swa] imported from torch.optim.swa_utils
   * @property {boolean} [math] whether it needs the module
   * @property {string[]} [factor] a function before the program
   * @property {string[]} scheduler the lines that make `scheduler`; none for a constant rate
   * @property {string} [when] the condition under which the scheduler steps
   */

  const WIDTH = 88;
  const float = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

  /** A call as `ruff format` breaks it. */
  function call(target, name, ...given) {
    const parts = given.filter(Boolean);
    const head = `${target} = ${name}(`;
    const line = `${head}${parts.join(", ")})`;
    if (line.length <= WIDTH) return [line];
    const inner = `    ${parts.join(", ")}`;
    return inner.length <= WIDTH ? [head, inner, ")"] : [head, ...parts.map((part) => `    ${part},`), ")"];
  }

  /** The complete program: it collects the rate of every update in the list `rates`. */
  function program(schedule, s) {
    const code = schedule.code(s);
    const lines = [];
    if (code.math) lines.push("import math", "");
    lines.push("import torch");
    if (code.names) lines.push(`from torch.optim.lr_scheduler import ${[...code.names].sort().join(", ")}`);
    if (code.swa) lines.push(`from torch.optim.swa_utils import ${code.swa}`);
    lines.push("", `lr, steps = ${float(s.lr)}, ${s.steps}`);
    if (code.factor) lines.push("", "", ...code.factor, "", "");
    lines.push("parameter = torch.nn.Parameter(torch.zeros(1))  # here: your model's parameters");
    lines.push("optimizer = torch.optim.SGD([parameter], lr=lr, momentum=0.9)", ...code.scheduler);
    lines.push("", "rates = []", "for step in range(steps):");
    lines.push('    rates.append(float(optimizer.param_groups[0]["lr"]))');
    lines.push("    optimizer.step()  # here: forward and backward pass, then the update");
    if (code.when) lines.push(`    if ${code.when}:`, "        scheduler.step()");
    else if (code.scheduler.length) lines.push("    scheduler.step()  # after every update");
    lines.push('print(f"first {rates[0]:.3g}, highest {max(rates):.3g}, last {rates[-1]:.3g}")');
    return lines.join("\n") + "\n";
  }

  Object.assign(GuideExplorer, { float, call, program });
})();
