// What each snippet of the page yields by its copy button, by selecting it, and by the buttons that copy a part of it.
async (anchors) => {
  const pressed = async (button) => {
    const before = `nothing was copied ${Math.random()}`;
    await navigator.clipboard.writeText(before);
    button.click();
    for (let wait = 0; wait < 200; wait++) {
      const text = await navigator.clipboard.readText();
      if (text !== before) return text;
      await new Promise((done) => setTimeout(done, 10));
    }
    return before;
  };
  const found = {};
  for (const anchor of anchors) {
    const block = document.getElementById(anchor);
    const folded = [...block.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
    const code = block.querySelector(".highlight pre code");
    const button = code.closest(".highlight").querySelector(
      "button[data-clipboard-target], button.md-code__button[data-md-type='copy'], button.md-clipboard");
    const whole = await pressed(button);
    const parts = [];
    for (const part of block.querySelectorAll(".copy-part")) parts.push([part.dataset.lines, await pressed(part)]);
    getSelection().selectAllChildren(code);
    found[anchor] = { whole, selected: getSelection().toString(), parts };
    for (const details of folded) details.open = false;
  }
  return found;
}
