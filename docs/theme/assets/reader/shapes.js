/* Which shapes a loss curve has: pure functions, the same in the browser and in the build, which counts how often they are right. */
"use strict";

const CurveShapes = (() => {
  const NUMBER = "[-+]?(?:\\d+\\.?\\d*(?:e[-+]?\\d+)?|nan|inf(?:inity)?)";
  const PAIR = new RegExp(`([A-Za-z][\\w /.()-]*?)\\s*[:=]?\\s*(?<![\\w.])(${NUMBER})(?![\\w.]*[\\w/])`, "gi");
  const KINDS = [
    ["validation loss", /(?=.*(val|test|eval|dev|held))(?=.*(loss|nll|cross.?entropy|mse|error))/i],
    ["validation accuracy", /(?=.*(val|test|eval|dev|held))(?=.*(acc|f1|auc|iou|dice|score))/i],
    ["loss", /loss|nll|cross.?entropy|mse|error/i],
    ["accuracy", /acc|f1|auc|iou|dice|score/i],
  ];

  /* "nan" and "inf" as programs write them. */
  function number(text) {
    const lower = text.trim().toLowerCase().replace("infinity", "inf");
    if (/^[-+]?(nan|inf)$/.test(lower)) return lower.includes("nan") ? NaN : lower.startsWith("-") ? -Infinity : Infinity;
    return lower === "" ? undefined : Number.isNaN(Number(lower)) ? undefined : Number(lower);
  }

  /* Columns of a table with a head, or of lines of "name number"; numbers alone are a loss. Name -> numbers. */
  function columns(text) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    const mark = [",", "\t", ";"].find((sign) => lines.length > 1 && lines[0].includes(sign) && lines[1].includes(sign));
    const head = mark ? lines[0].split(mark).map((name) => name.trim().replace(/^"|"$/g, "")) : [];
    const found = {};
    const put = (name, value) => {
      if (value !== undefined) (found[name] = found[name] || []).push(value);
    };
    const isTable = mark && lines[1].split(mark).some((cell) => number(cell) !== undefined);
    if (isTable && head.every((name) => name === "" || number(name) === undefined)) {
      for (const line of lines.slice(1)) line.split(mark).forEach((cell, i) => put(head[i] || String(i), number(cell)));
      return found;
    }
    for (const line of lines) {
      const alone = number(line);
      if (alone !== undefined) put("loss", alone);
      else for (const [, name, value] of line.matchAll(PAIR)) put(name.trim(), number(value));
    }
    return found;
  }

  /* The first column of each kind that a name tells: loss, accuracy, validation loss, validation accuracy. */
  function series(text) {
    const found = {};
    for (const [name, values] of Object.entries(columns(text))) {
      const kind = (KINDS.find(([, pattern]) => pattern.test(name)) || [])[0];
      if (kind && values.length > 1 && !found[kind]) found[kind] = values;
    }
    return found;
  }

  const median = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  };
  const part = (values, from, to) => {
    const first = Math.floor(from * values.length);
    return values.slice(first, Math.max(first + 1, Math.ceil(to * values.length)));
  };
  const level = (values, from, to) => median(part(values, from, to));
  const short = (value) => String(Number(value.toPrecision(3)));

  /* Up and down around its own course in the second half: size of a swing against the level, and share of turns. */
  function swing(values) {
    const late = part(values, 0.5, 1);
    if (late.length < 6) return { size: 0, turns: 0 };
    const steps = late.slice(1).map((value, i) => value - late[i]);
    const turns = steps.slice(1).filter((step, i) => step * steps[i] < 0).length / (steps.length - 1);
    return { size: median(steps.map(Math.abs)) / Math.abs(median(late)), turns };
  }

  /* Places well above all their neighbours, which come back. */
  function peaks(values) {
    return values
      .map((value, i) => {
        const near = values.slice(Math.max(0, i - 4), i).concat(values.slice(i + 1, i + 5));
        return i >= values.length / 5 && i < values.length - 1 && near.length > 3 && value > 2.5 * median(near) ? i : -1;
      })
      .filter((i) => i >= 0);
  }

  /* The shapes of the curves in a text: [{shape, numbers}]; the words for them stand on the page. */
  function read(text) {
    const { loss, accuracy, "validation loss": val, "validation accuracy": valAccuracy } = series(text);
    const found = [];
    const say = (shape, ...numbers) => found.push({ shape, numbers: numbers.map((n) => (typeof n === "number" ? short(n) : n)) });
    const curve = loss || val;
    if (curve) {
      const lost = curve.findIndex((value) => !Number.isFinite(value));
      if (lost >= 0) say("lost", lost + 1, curve.length);
      else if (curve.length >= 6) ofLoss(curve, say);
    }
    ofValidation(loss, val, say);
    ofAccuracy(accuracy, valAccuracy, found, say);
    return found;
  }

  function ofLoss(curve, say) {
    const [start, end] = [level(curve, 0, 0.1), level(curve, 0.9, 1)];
    const [third, last] = [level(curve, 0.5, 0.75), level(curve, 0.75, 1)];
    const { size, turns } = swing(curve);
    const lowest = Math.min(...curve);
    if (lowest < 0) return say("negative", lowest);
    if (level(curve, 0.1, 0.3) <= (start > 0 ? 0.01 * start : 0)) return say("zero", curve[Math.floor(curve.length / 5)]);
    if (end > 3 * start || Math.max(...part(curve, 0.5, 1)) > 100 * start) return say("explodes", start, Math.max(...curve));
    const spikes = peaks(curve).filter((i) => curve[i] > 0.3 * start); // what can be seen beside the start
    if (spikes.length && spikes.length <= Math.max(2, curve.length / 8)) say("spikes", spikes.length, Math.max(...spikes.map((i) => curve[i])));
    if (turns > 0.5 && size > 0.2 && end > 0.1 * start && last > 0.8 * third) return say("oscillates", 100 * size);
    const range = (Math.max(...curve) - lowest) / Math.abs(start);
    if (Math.abs(end - start) < 0.06 * Math.abs(start) && range < 0.25) return say("flat", start, end);
    if (end < 0.15 * start) return undefined;
    if (third - last > 0.06 * start) return say("slow", start, end);
    return say("plateau", start, end);
  }

  function ofValidation(loss, val, say) {
    if (!val || val.length < 6 || !val.every(Number.isFinite)) return;
    const lowest = Math.min(...val);
    const place = val.indexOf(lowest);
    const end = level(val, 0.9, 1);
    if (place < 0.75 * val.length && end > 1.15 * lowest && end - lowest > 0.02) say("rises-again", lowest, place + 1, end);
    const { size, turns } = swing(val);
    if (loss && turns > 0.4 && size > 0.15) say("noisy", 100 * size);
    if (loss && loss.every(Number.isFinite)) {
      const own = level(loss, 0.9, 1);
      if (end > 1.5 * own && end - own > 0.1) say("gap", own, end);
    }
  }

  function ofAccuracy(train, val, found, say) {
    if (train && val && !found.some((one) => one.shape === "gap")) {
      const [own, other] = [level(train, 0.9, 1), level(val, 0.9, 1)];
      if (own - other > 0.1 * Math.max(1, own > 1 ? 100 : 1)) say("gap", own, other);
    }
    if (val && val.length >= 6 && !found.some((one) => ["noisy", "oscillates"].includes(one.shape))) {
      const late = part(val, 0.5, 1);
      const { turns } = swing(val);
      const scale = Math.max(...val) > 1 ? 100 : 1;
      if (turns > 0.4 && median(late.slice(1).map((value, i) => Math.abs(value - late[i]))) > 0.04 * scale) say("noisy", 100 * swing(val).size);
    }
  }

  return { columns, series, read };
})();
