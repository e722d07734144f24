/* The calculator of layers: a table to type in, kept in the address; arithmetic.js computes. */
(() => {
  "use strict";

  const root = document.querySelector(".calculator");
  const words = JSON.parse(root.dataset.words);
  const { KINDS, DEFAULTS, rows, python, complete, write, read } = LayerArithmetic;
  const START = "in=3.224.224&layers=conv.64.7.2.3.1.1_max.3.2.1.1_conv.64.3.1.1.1.1_conv.128.3.2.1.1.1";
  let { input, stack } = read(location.hash.slice(1)) || read(START);

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const counted = (n) => n.toLocaleString("en", { maximumFractionDigits: 3 });

  function field(name, value, change) {
    const box = make("input", { type: "number", value: String(value), min: name === "padding" || name === "outputPadding" ? 0 : 1 });
    box.inputMode = "numeric";
    box.addEventListener("input", () => change(box.value === "" ? NaN : Number(box.value)));
    return make("label", {}, make("span", { textContent: words[name] }), box);
  }

  function part(layer, index) {
    const kind = make("select", { ariaLabel: words.kind });
    for (const name of Object.keys(KINDS)) kind.append(make("option", { value: name, textContent: KINDS[name].name, selected: name === layer.kind }));
    kind.addEventListener("change", () => {
      const usual = kind.value === "max" || kind.value === "average" ? { kernel: 2, stride: 2 } : {};
      stack[index] = { ...DEFAULTS, ...usual, kind: kind.value };
      build(index);
    });
    const gone = make("button", { type: "button", textContent: "×", title: words.remove, ariaLabel: `${words.remove} ${index + 1}` });
    gone.addEventListener("click", () => {
      stack.splice(index, 1);
      build(Math.max(0, index - 1));
    });
    const fields = KINDS[layer.kind].fields.map((name) =>
      field(name, layer[name] ?? DEFAULTS[name], (value) => {
        layer[name] = value;
        show();
      }),
    );
    const head = make("div", { className: "layer-head" }, make("strong", { textContent: `${index + 1}` }), kind, gone);
    return make("li", {}, head, make("div", { className: "layer-fields" }, ...fields), make("p", { className: "layer-says" }));
  }

  /* All of it anew; the kind of one layer keeps the focus. */
  function build(focus) {
    const list = root.querySelector("ol");
    list.replaceChildren(...stack.map(part));
    show();
    if (focus !== undefined && list.children[focus]) list.children[focus].querySelector("select").focus();
  }

  function explained([code, numbers]) {
    const given = code === "number" ? [words[numbers[0]], numbers[1]] : numbers;
    return words[`fault-${code}`].replace(/\{(\d)\}/g, (_, i) => given[i]);
  }

  function show() {
    const found = rows(input, stack);
    const bad = found.findIndex((row) => row.fault);
    const items = [...root.querySelectorAll("ol > li")];
    const wrong = root.querySelector(".input-says");
    const whole = Object.values(input).every((n) => Number.isInteger(n) && n > 0);
    wrong.textContent = whole || bad < 0 ? "" : explained(found[bad].fault);
    items.forEach((item, i) => {
      const row = whole ? found[i] : undefined;
      const says = item.querySelector(".layer-says");
      item.classList.toggle("layer-fault", Boolean(row && row.fault));
      if (!row) says.textContent = words.waits;
      else if (row.fault) says.textContent = explained(row.fault);
      else {
        const numbers = [row.shape.join(" × "), (row.atLeast ? "≥ " : "") + row.field, counted(row.jump), counted(row.parameters), counted(row.multiplyAdds)];
        says.textContent = words.row.replace(/\{(\d)\}/g, (_, n) => numbers[n]);
      }
    });
    const fits = bad < 0 && whole;
    const sum = (name) => counted(found.reduce((total, row) => total + row[name], 0));
    root.querySelector(".stack-says").textContent = fits ? words.sum.replace("{0}", sum("parameters")).replace("{1}", sum("multiplyAdds")) : "";
    root.querySelector("[data-do=copy]").disabled = !fits;
    if (complete(input, stack)) history.replaceState(null, "", `#${write(input, stack)}`);
  }

  const first = root.querySelector(".layer-input");
  for (const name of ["channels", "height", "width"])
    first.append(
      field(name, input[name], (value) => {
        input[name] = value;
        show();
      }),
    );
  root.querySelector("[data-do=add]").addEventListener("click", () => {
    stack.push({ ...DEFAULTS, kind: "conv", padding: 1 });
    build(stack.length - 1);
  });
  root.querySelector("[data-do=copy]").addEventListener("click", async () => {
    await navigator.clipboard.writeText(python(input, stack));
    root.querySelector("[role=status]").textContent = words.copied;
  });
  addEventListener("hashchange", () => {
    const given = read(location.hash.slice(1));
    if (!given) return;
    ({ input, stack } = given);
    first.querySelectorAll("input").forEach((box, i) => (box.value = Object.values(input)[i]));
    build();
  });
  root.hidden = false;
  build();
})();
