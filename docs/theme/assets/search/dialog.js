/* Around Material's search dialog: Ctrl+K, Enter, the query in the address, news for screen readers, the index before it is needed. */
(() => {
  "use strict";

  const field = document.querySelector("[data-md-component='search-query']");
  const toggle = document.getElementById("__search");
  if (!field || !toggle) return;
  const meta = document.querySelector(".md-search-result__meta");
  const list = document.querySelector(".md-search-result__list");

  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });

  /* Material asks its worker after a key; a blank query makes the worker fetch the index. */
  let asked = false;
  field.addEventListener("focus", () => {
    if (asked || field.value) return;
    asked = true;
    for (const value of [" ", ""]) {
      field.value = value;
      field.dispatchEvent(new Event("keyup"));
    }
  });

  function remember() {
    const address = new URL(location.href);
    if (toggle.checked && field.value.trim()) address.searchParams.set("q", field.value);
    else address.searchParams.delete("q");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }
  field.addEventListener("input", () => {
    remember();
    field.dispatchEvent(new Event("keyup")); // what is pasted, dictated or composed ends in no key
  });
  field.form.addEventListener("reset", () => setTimeout(remember));
  toggle.addEventListener("change", remember);

  /* Enter opens the first answer to what stands in the field: when the answer is on its way, it waits for it. */
  const letters = (text) => text.replace(/[^\p{L}\p{N}]+/gu, "");
  const answered = () => letters(list.querySelector("[data-query]")?.dataset.query || "") === letters(field.value);
  let entered = false;
  field.addEventListener("keydown", (event) => {
    const composing = event.keyCode === 229; // also where composing is over for Material: at the Enter that ends it in Safari
    entered = event.key === "Enter" && !composing && !answered();
    if (entered) event.preventDefault();
    if (entered || composing) event.stopPropagation(); // an Enter that ends composing opens nothing
  });
  field.addEventListener("blur", () => (entered = false));

  /* Results that come while somebody moves through the list replace it: the focus stays in it. */
  let inList = false;
  document.addEventListener("focusin", (event) => (inList = list.contains(event.target)));

  meta.setAttribute("role", "status");
  new MutationObserver(() => {
    if (entered && answered()) {
      entered = false;
      list.querySelector("a")?.click();
    }
    if (inList && document.activeElement === document.body) list.querySelector("a")?.focus();
    const none = list.querySelector(".search-none");
    if (none && meta.textContent !== none.textContent) meta.textContent = none.textContent;
  }).observe(list, { childList: true });
})();
