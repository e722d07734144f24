// Every colour of text on the page with what lies behind it, and how each link in a sentence differs from its words.
() => {
  const rgba = (text) => {
    const numbers = (text.match(/[\d.]+/g) || []).map(Number);
    return numbers.length === 3 ? [...numbers, 1] : numbers;
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = new Map();
  const ground = (element) => {
    if (!element) return [255, 255, 255, 1];
    if (!behind.has(element)) {
      const own = rgba(getComputedStyle(element).backgroundColor);
      behind.set(element, own[3] === 1 ? own : over(own, ground(element.parentElement)));
    }
    return behind.get(element);
  };
  const opacities = new Map();
  const opacity = (element) => {
    if (!element) return 1;
    if (!opacities.has(element)) {
      opacities.set(element, getComputedStyle(element).opacity * opacity(element.parentElement));
    }
    return opacities.get(element);
  };
  const seen = new Map();
  const colour = (element) => {
    const style = getComputedStyle(element);
    const own = rgba(element instanceof SVGElement ? style.fill : style.color);
    own[3] *= opacity(element);
    return over(own, ground(element)).slice(0, 3);
  };
  const note = (key, element) => seen.has(key) || seen.set(key, element.outerHTML.slice(0, 160));
  const drawn = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  const folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  const tokens = new Map(); // block of code -> the kinds of token in it that were looked at
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (done.has(element) || !texts.currentNode.data.trim()) continue;
    done.add(element);
    if (element.parentElement.tagName === "CODE") { // tokens of one block: a class, one colour
      const token = `${element.tagName} ${element.className} ${element.getAttribute("style")}`;
      const known = tokens.get(element.parentElement) || tokens.set(element.parentElement, new Set()).get(element.parentElement);
      if (known.has(token)) continue;
      known.add(token);
    }
    if (!drawn(element)) continue;
    const { fontSize, fontWeight } = getComputedStyle(element);
    note(JSON.stringify(["text", colour(element), ground(element), parseFloat(fontSize), +fontWeight]), element);
  }
  for (const link of document.querySelectorAll(":is(p, li, td, dd, figcaption) a[href]")) {
    const around = link.parentElement;
    const words = [...around.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && /[\p{L}]{2}/u.test(node.data));
    if (!words || !drawn(link)) continue;
    const styles = [getComputedStyle(link), getComputedStyle(around)];
    const [a, b] = styles.map((s) => [s.textDecorationLine, s.borderBottomWidth, s.fontWeight, s.fontStyle, s.fontSize,
      s.backgroundColor === "rgba(0, 0, 0, 0)" ? "" : s.backgroundColor].join());
    if (a === b) note(JSON.stringify(["link", colour(link), [...colour(around), 1], 0, 0]), link);
  }
  for (const details of folded) details.open = false;
  return [...seen].map(([key, html]) => [...JSON.parse(key), html]);
}
