// Takes out what says nothing to axe's rules of structure, and tells what should not have been there:
// tokens of code (spans that have a class and nothing else, anchors of lines), formulas' hidden half and what lies in
// the other, insides of images.
// What a copy button said goes, too.
() => {
  const strange = [];
  const plain = { SPAN: ["class"], A: ["id", "name", "href"] };
  for (const code of document.querySelectorAll("pre code")) {
    for (const token of code.querySelectorAll("*")) {
      const allowed = plain[token.tagName] || [];
      if (![...token.attributes].every(({ name }) => allowed.includes(name)) || !allowed.length) {
        strange.push(token.outerHTML.slice(0, 160));
      }
    }
    code.textContent = code.textContent;
  }
  for (const hidden of document.querySelectorAll(".katex-html")) {
    if (hidden.getAttribute("aria-hidden") !== "true") strange.push(hidden.outerHTML.slice(0, 160));
    hidden.replaceChildren();
  }
  for (const inside of document.querySelectorAll("math *")) {
    if ([...inside.attributes].some(({ name }) => /^(on|id$|href$|role$|tabindex$|aria-)/.test(name))) {
      strange.push(inside.outerHTML.slice(0, 160));
    }
  }
  for (const formula of document.querySelectorAll("math")) formula.textContent = formula.textContent;
  for (const image of document.querySelectorAll("svg[role=img][aria-label]")) image.replaceChildren();
  document.querySelector(".md-dialog")?.remove();
  return strange;
}
