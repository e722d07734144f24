// What each snippet of the page (id of its block -> the text of its file) yields by its copy button, by selecting it, and
// by the buttons that copy a part of it.
async (files) => {
  const pressed = async (button, wanted) => {
    button.click();
    let text;
    for (let wait = 0; wait < 200; wait++) {
      text = await navigator.clipboard.readText();
      if (text.replace(/\n$/, "") === wanted) break;
      await new Promise((done) => setTimeout(done, 10));
    }
    return text;
  };
  const found = {};
  for (const [anchor, wanted] of Object.entries(files)) {
    const block = document.getElementById(anchor);
    const folded = [...block.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
    const code = block.querySelector(".highlight pre code");
    const button = code.closest(".highlight").querySelector(
      "button[data-clipboard-target], button.md-code__button[data-md-type='copy'], button.md-clipboard");
    const whole = await pressed(button, wanted);
    const parts = [];
    for (const part of block.querySelectorAll(".copy-part")) {
      const [first, last] = part.dataset.lines.split("-");
      const lines = wanted.split("\n").slice(first - 1, last).join("\n");
      parts.push([part.dataset.lines, await pressed(part, lines)]);
    }
    getSelection().selectAllChildren(code);
    found[anchor] = { whole, selected: getSelection().toString(), parts };
    for (const details of folded) details.open = false;
  }
  return found;
}
