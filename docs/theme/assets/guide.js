/* Opens the proof that a mark leads to, and makes comparison tables sortable and filterable. Pages work without it. */
(() => {
  "use strict";

  function openTarget() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target && target.closest("details")) target.scrollIntoView();
  }

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function sortable(table) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const text = (row) => row.cells[column].textContent.trim();
        const rows = [...body.rows].sort((a, b) => collator.compare(text(a), text(b)) * (up ? 1 : -1));
        body.append(...rows);
      });
    });
  }

  function filterable(table) {
    const zh = document.documentElement.lang.startsWith("zh");
    const label = document.createElement("label");
    const field = document.createElement("input");
    label.className = "table-filter";
    field.type = "search";
    label.append(zh ? "筛选" : "Filter", field);
    table.parentElement.before(label);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }

  /* What scrolls sideways can be reached by keyboard; Material's box of copy buttons is no landmark. */
  function reachable() {
    for (const box of document.querySelectorAll(".katex-display")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  function plainBoxes() {
    for (const box of document.querySelectorAll("nav.md-code__nav:not([role])")) box.setAttribute("role", "none");
  }

  const article = document.querySelector("article");
  if (article) new MutationObserver(plainBoxes).observe(article, { childList: true, subtree: true });
  plainBoxes();
  reachable();
  addEventListener("resize", reachable);
  addEventListener("load", reachable);

  for (const table of document.querySelectorAll("table.comparison, table.bibliography, table.torch-names")) {
    sortable(table);
    filterable(table);
  }
  addEventListener("hashchange", openTarget);
  openTarget();
})();
