/* Ticks of the check list, kept in this browser alone; cleared, printed, copied as Markdown. Without it boxes tick, too. */
(() => {
  "use strict";

  const boxes = [...document.querySelectorAll(".ticks input")];
  const tools = document.querySelector(".ticks-tools");
  const status = tools.querySelector("[role=status]");
  const KEY = "dl-guide-ticks";

  function kept() {
    try {
      return new Set(JSON.parse(localStorage.getItem(KEY) || "[]"));
    } catch {
      return new Set(); // storage is off, or holds something else
    }
  }

  function show() {
    status.textContent = `${boxes.filter((box) => box.checked).length} / ${boxes.length}`;
  }

  function keep() {
    try {
      localStorage.setItem(KEY, JSON.stringify(boxes.filter((box) => box.checked).map((box) => box.id)));
    } catch {
      /* nothing is kept then */
    }
    show();
  }

  function asMarkdown() {
    const lines = [];
    for (const list of document.querySelectorAll(".ticks")) {
      const heading = list.previousElementSibling;
      lines.push(`## ${heading.firstChild.textContent.trim()}`, "");
      for (const item of list.children) {
        const box = item.querySelector("input");
        lines.push(`- [${box.checked ? "x" : " "}] ${item.querySelector("label").textContent}`);
      }
      lines.push("");
    }
    return lines.join("\n");
  }

  const actions = {
    reset() {
      for (const box of boxes) box.checked = false;
      keep();
    },
    print: () => print(),
    export: () => navigator.clipboard.writeText(asMarkdown()).then(() => (status.textContent += " ✓")),
  };

  const ticked = kept();
  for (const box of boxes) {
    box.checked = ticked.has(box.id);
    box.addEventListener("change", keep);
  }
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  tools.hidden = false;
  show();
})();
