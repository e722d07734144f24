/* Where a result of the search leads to: marks the words that were found, and gives the address its lasting form. */
(() => {
  "use strict";

  const address = new URL(location.href);
  const found = (address.searchParams.get("h") || "").split(" ").filter(Boolean);
  const target = document.getElementById(decodeURIComponent(address.hash.slice(1)));
  const pitfall = target?.querySelector(".pitfall"); // the index names pitfalls by number, everybody else by their words
  if (!found.length && !pitfall) return;

  /* Words of Latin letters that begin with what was found; of Chinese, the characters wherever they stand. */
  const han = /\p{sc=Han}/u;
  const plain = (word) => word.replace(/[^\p{L}\p{N}_]/gu, "\\$&");
  const words = (chinese) => found.filter((word) => han.test(word) === chinese).map(plain).join("|");
  const parts = [words(false) && `(?<![\\p{L}\\p{N}])(?:${words(false)})[\\p{L}\\p{N}]*`, words(true)];
  const pattern = new RegExp(parts.filter(Boolean).join("|") || "(?!)", "giu");

  function mark(text) {
    let rest = text;
    for (const match of [...text.data.matchAll(pattern)].reverse()) {
      rest = text.splitText(match.index);
      rest.splitText(match[0].length);
      const element = document.createElement("mark");
      rest.replaceWith(element);
      element.append(rest);
    }
  }

  const scope = target?.closest("li") || document.querySelector("article");
  const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".katex, script, style, svg, nav")) texts.push(walker.currentNode);
  texts.forEach(mark);

  address.searchParams.delete("h");
  if (pitfall) address.hash = pitfall.id;
  history.replaceState(history.state, "", address);
})();
