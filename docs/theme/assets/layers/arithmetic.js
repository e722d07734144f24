/* Arithmetic of a stack of square 2-D layers: sizes, receptive fields, parameters, multiply-adds. Pure functions. */
"use strict";

const LayerArithmetic = (() => {
  const KINDS = {
    conv: { name: "Conv2d", fields: ["out", "kernel", "stride", "padding", "dilation", "groups"] },
    transposed: {
      name: "ConvTranspose2d",
      fields: ["out", "kernel", "stride", "padding", "outputPadding", "dilation", "groups"],
    },
    max: { name: "MaxPool2d", fields: ["kernel", "stride", "padding", "dilation"] },
    average: { name: "AvgPool2d", fields: ["kernel", "stride", "padding"] },
  };
  const DEFAULTS = { out: 64, kernel: 3, stride: 1, padding: 0, outputPadding: 0, dilation: 1, groups: 1 };
  const LEAST = { padding: 0, outputPadding: 0 };
  const PYTHON = { kernel: "kernel_size", outputPadding: "output_padding" };
  const MOST = 1e6; // larger numbers are typing errors
  const EFFORT = 2e6; // steps after which a receptive field is said as "at least"

  const isPool = (layer) => layer.kind === "max" || layer.kind === "average";
  const span = (layer) => layer.dilation * (layer.kernel - 1) + 1;

  function whole(layer) {
    const full = { ...DEFAULTS, ...layer };
    const fields = KINDS[full.kind].fields;
    for (const name of Object.keys(DEFAULTS)) if (!fields.includes(name)) full[name] = DEFAULTS[name];
    return full;
  }

  /* Why torch would refuse a layer on an input, or leave nothing of it, as [code, numbers]; null where it does not. */
  function fault(layer, channels, height, width) {
    for (const name of KINDS[layer.kind].fields) {
      const value = layer[name];
      const least = LEAST[name] === 0 ? 0 : 1;
      if (!Number.isInteger(value) || value < least || value > MOST) return ["number", [name, least]];
    }
    if (!isPool(layer) && channels % layer.groups) return ["groups-in", [channels, layer.groups]];
    if (!isPool(layer) && layer.out % layer.groups) return ["groups-out", [layer.out, layer.groups]];
    if (isPool(layer) && 2 * layer.padding > layer.kernel) return ["pool-padding", [layer.padding, layer.kernel]];
    if (layer.kind === "transposed" && layer.outputPadding >= Math.max(layer.stride, layer.dilation))
      return ["output-padding", [layer.outputPadding, layer.stride, layer.dilation]];
    if (layer.kind !== "transposed" && span(layer) > Math.min(height, width) + 2 * layer.padding)
      return ["kernel", [span(layer), Math.min(height, width) + 2 * layer.padding]];
    if (size(layer, Math.min(height, width)) < 1) return ["nothing-left", [size(layer, Math.min(height, width))]];
    return null;
  }

  function size(layer, input) {
    const { stride, padding, outputPadding } = layer;
    if (layer.kind === "transposed") return (input - 1) * stride - 2 * padding + span(layer) + outputPadding;
    return Math.floor((input + 2 * padding - span(layer)) / stride) + 1;
  }

  /* The places of the input that these places of the output see, borders left out of account. */
  function seen(layer, places) {
    const { stride, padding, dilation, kernel } = layer;
    const found = new Set();
    for (const place of places)
      for (let tap = 0; tap < kernel; tap++) {
        if (layer.kind !== "transposed") found.add(place * stride - padding + dilation * tap);
        else if ((place + padding - dilation * tap) % stride === 0) found.add((place + padding - dilation * tap) / stride);
      }
    return found;
  }

  const common = (a, b) => (b ? common(b, a % b) : a);

  /* After so many places of the output the pattern of what they see comes again. */
  function period(layers) {
    return layers.reduce((n, { kind, stride }) => (kind === "transposed" ? n * stride : n / common(n, stride)), 1);
  }

  /* The largest number of input pixels, from the first to the last, that one output of the stack's end sees; and
     whether it may be more, because there are too many kinds of places to try them all. */
  function field(layers) {
    const backwards = [...layers].reverse();
    let [largest, work] = [0, 0];
    for (let place = 0; place < period(layers); place++) {
      if (work > EFFORT) return { field: largest, atLeast: true };
      let places = new Set([place + 4096]);
      for (const layer of backwards) {
        work += places.size * layer.kernel;
        places = seen(layer, places);
      }
      if (places.size) largest = Math.max(largest, width(places));
    }
    return { field: largest, atLeast: false };
  }

  function width(places) {
    let [first, last] = [Infinity, -Infinity];
    for (const place of places) [first, last] = [Math.min(first, place), Math.max(last, place)];
    return last - first + 1;
  }

  /* One row for each layer, up to the first fault; input: {channels, height, width}. */
  function rows(input, stack) {
    let { channels, height, width } = input;
    const found = [];
    const done = [];
    let jump = 1;
    for (const name of ["channels", "height", "width"])
      if (!Number.isInteger(input[name]) || input[name] < 1 || input[name] > MOST) return [{ fault: ["number", [name, 1]] }];
    for (const given of stack) {
      const layer = whole(given);
      const wrong = fault(layer, channels, height, width);
      if (wrong) return [...found, { fault: wrong }];
      const out = isPool(layer) ? channels : layer.out;
      const [tall, wide] = [size(layer, height), size(layer, width)];
      const weights = isPool(layer) ? 0 : (channels * out * layer.kernel ** 2) / layer.groups;
      const places = layer.kind === "transposed" ? height * width : tall * wide;
      done.push(layer);
      jump = layer.kind === "transposed" ? jump / layer.stride : jump * layer.stride;
      found.push({
        shape: [out, tall, wide],
        ...field(done),
        jump,
        parameters: isPool(layer) ? 0 : weights + out,
        multiplyAdds: weights * places,
      });
      [channels, height, width] = [out, tall, wide];
    }
    return found;
  }

  /* The stack as a program's lines; what has torch's default is left out. */
  function python(input, stack) {
    let channels = input.channels;
    const lines = stack.map((given) => {
      const layer = whole(given);
      const pool = isPool(layer);
      const first = pool ? [] : [channels, layer.out];
      const names = KINDS[layer.kind].fields.filter((name) => name !== "out");
      const usual = (name) => layer[name] === (name === "stride" && pool ? layer.kernel : DEFAULTS[name]) && name !== "kernel";
      const rest = names.filter((name) => !usual(name)).map((name) => `${PYTHON[name] || name}=${layer[name]}`);
      if (!pool) channels = layer.out;
      return `    nn.${KINDS[layer.kind].name}(${[...first, ...rest].join(", ")}),`;
    });
    return ["from torch import nn", "", "model = nn.Sequential(", ...lines, ")", ""].join("\n");
  }

  /* Whether every field holds a whole number, be it one that torch takes or not: such a stack has an address. */
  function complete(input, stack) {
    const values = stack.flatMap((layer) => KINDS[layer.kind].fields.map((name) => whole(layer)[name]));
    return [...Object.values(input), ...values].every((n) => Number.isSafeInteger(n) && n >= 0);
  }

  /* State as a part of the address, and back; what cannot be read is null. */
  function write(input, stack) {
    const layers = stack.map((layer) => [layer.kind, ...KINDS[layer.kind].fields.map((name) => whole(layer)[name])].join("."));
    return `in=${input.channels}.${input.height}.${input.width}&layers=${layers.join("_")}`;
  }

  function read(text) {
    const found = /^in=(\d+)\.(\d+)\.(\d+)&layers=([a-z0-9._]*)$/.exec(text);
    if (!found) return null;
    const [channels, height, width] = found.slice(1, 4).map(Number);
    const stack = [];
    for (const part of found[4].split("_").filter(Boolean)) {
      const [kind, ...values] = part.split(".");
      const fields = Object.keys(KINDS).includes(kind) ? KINDS[kind].fields : [];
      if (!fields.length || values.length !== fields.length || !values.every((value) => /^\d+$/.test(value))) return null;
      stack.push({ kind, ...Object.fromEntries(fields.map((name, i) => [name, Number(values[i])])) });
    }
    return { input: { channels, height, width }, stack };
  }

  return { KINDS, DEFAULTS, rows, python, complete, write, read };
})();
