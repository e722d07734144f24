/* The page that reads loss curves: shows what shapes.js sees in the numbers. Nothing leaves the browser. */
(() => {
  "use strict";

  const form = document.querySelector("form.reader");
  const field = form.elements.numbers;
  const status = form.querySelector("[role=status]");
  const list = document.querySelector(".shapes");
  const parts = new Map([...list.children].map((part) => [part.id.replace("shape-", ""), part]));

  function said(part, numbers) {
    return part.dataset.says.replace(/\{(\d)\}/g, (_, i) => numbers[i]);
  }

  /* Shapes that are seen come first, open, with their numbers; without numbers all are there, closed. */
  function show() {
    const text = field.value;
    const found = text.trim() ? CurveShapes.read(text) : [];
    const enough = Object.values(CurveShapes.series(text)).some((values) => values.length > 5);
    for (const [shape, part] of parts) {
      const numbers = (found.find((one) => one.shape === shape) || {}).numbers;
      const says = part.querySelector(".says");
      part.hidden = Boolean(text.trim()) && !numbers;
      part.open = Boolean(numbers);
      says.hidden = !numbers;
      says.textContent = numbers ? said(part, numbers) : "";
    }
    status.textContent = !text.trim() || found.length ? "" : enough ? status.dataset.none : status.dataset.few;
  }

  async function open(file) {
    if (!file) return;
    field.value = await file.text();
    show();
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", show);
  form.querySelector("input[type=file]").addEventListener("change", (event) => open(event.target.files[0]));
  field.addEventListener("dragover", (event) => event.preventDefault());
  field.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  show(); // a browser may keep what was typed before a reload
})();
