/* Opens the proof that a mark leads to, sorts and filters tables, copies formulas as TeX. Pages work without it. */
(() => {
  "use strict";

  function openTarget() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target && target.closest("details")) target.scrollIntoView();
  }

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const compared = (a, b) => Number(a) - Number(b) || collator.compare(a, b); // the collator knows no decimals

  /* Rows that say something; those that name a group of rows are not among them. */
  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !isGroup(row));
  const isGroup = (row) => row.classList.contains("group");

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
        const none = (row) => text(row) === "–"; // what says nothing stays last
        const rows = rowsOf(table).sort(
          (a, b) => none(a) - none(b) || compared(text(a), text(b)) * (up ? 1 : -1),
        );
        for (const group of table.querySelectorAll("tr.group")) group.remove(); // another order knows no groups
        body.append(...rows);
      });
    });
  }

  /* The fields are in the page (scripts/generate/filters.py); each row's link says what they ask: year, tags, task, … */
  function filterable(fields) {
    const table = fields.nextElementSibling.querySelector("table");
    const rows = rowsOf(table);
    const status = fields.querySelector("[role=status]");
    const inputs = [...fields.querySelectorAll("[data-filter]")];
    const tests = {
      text: (row, value) => value.toLowerCase().split(/\s+/).every((word) => text(row).includes(word)),
      from: (row, value) => facts(row).year >= Number(value) && facts(row).year !== "",
      to: (row, value) => facts(row).year <= Number(value) && facts(row).year !== "",
    };
    const text = (row) => row.textContent.toLowerCase();
    const facts = (row) => row.querySelector("[data-year], [data-task]").dataset;
    const has = (kind) => (row, value) => facts(row)[kind].split(" ").includes(value);
    const test = (row, { dataset: { filter: kind }, value }) => (tests[kind] || has(kind))(row, value.trim());
    function filter() {
      const set = inputs.filter((input) => input.value.trim());
      for (const row of rows) row.hidden = !set.every((input) => test(row, input));
      for (const body of table.tBodies) body.hidden = [...body.rows].every((row) => row.hidden || isGroup(row));
      status.textContent = set.length ? `${rows.filter((row) => !row.hidden).length} / ${rows.length}` : "";
    }
    fields.addEventListener("input", filter);
    filter(); // a browser that goes back fills fields in
  }

  /* A selection that holds a formula is copied with its TeX: the letters of HTML and MathML together say nothing. */
  function copyTex(event) {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return;
    const range = selection.getRangeAt(0).cloneRange();
    const formula = (node) => {
      const element = node.nodeType === 1 ? node : node.parentElement;
      return element.closest(".katex-display") || element.closest(".katex");
    };
    const [first, last] = [formula(range.startContainer), formula(range.endContainer)];
    if (first) range.setStartBefore(first);
    if (last) range.setEndAfter(last);
    const copy = document.createElement("div");
    copy.append(range.cloneContents());
    const found = copy.querySelectorAll(".katex");
    if (!found.length) return;
    for (const one of found) {
      const dollars = one.parentElement.matches(".katex-display") ? "$$" : "$";
      one.replaceWith(dollars + one.querySelector("annotation").textContent + dollars);
    }
    copy.className = "copied";
    document.body.append(copy); // only what is laid out has line breaks as text
    event.clipboardData.setData("text/plain", copy.innerText);
    event.clipboardData.setData("text/html", copy.innerHTML);
    copy.remove();
    event.preventDefault();
  }

  /* Copies the lines of one function or class of the block above. */
  function copyPart(button) {
    const code = button.closest(".snippet").querySelector("pre code");
    const [first, last] = button.dataset.lines.split("-").map(Number);
    const lines = code.textContent.split("\n").slice(first - 1, last);
    navigator.clipboard.writeText(lines.join("\n") + "\n").then(() => {
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 2000);
    });
  }
  for (const button of navigator.clipboard ? document.querySelectorAll(".copy-part") : []) {
    button.hidden = false;
    button.addEventListener("click", () => copyPart(button));
  }

  /* What scrolls sideways can be reached by keyboard; Material's box of copy buttons is no landmark. An observer is told
     sizes that are known: to ask for them would make the browser lay out the page at once. */
  const reachable = new ResizeObserver((boxes) => {
    for (const { target } of boxes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });

  function plainBoxes() {
    for (const box of document.querySelectorAll("nav.md-code__nav:not([role])")) box.setAttribute("role", "none");
  }

  const article = document.querySelector("article");
  if (article) new MutationObserver(plainBoxes).observe(article, { childList: true, subtree: true });
  plainBoxes();
  for (const box of document.querySelectorAll(".katex-display")) reachable.observe(box);

  for (const table of document.querySelectorAll("table.comparison, table.bibliography, table.torch-names, table.networks")) sortable(table);
  for (const fields of document.querySelectorAll(".table-filter")) filterable(fields);
  document.addEventListener("copy", copyTex);
  addEventListener("hashchange", openTarget);
  openTarget();
})();
