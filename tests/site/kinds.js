// What kinds of element the page holds, as numbers: each element's way down from the body, by all of it that a rule of
// axe or a style looks at, so that a page without a new kind needs no second judgement.
//
// Addresses, words, languages and sizes count only as being there. Of figures and formulas the colours and sizes of their
// text are looked at, and not what keeps Chinese words together. Kinds of their own are: an id that stands twice, a landmark that bears the name of
// another, a reference to what is not there, each step from one heading's level to the next, and what can be scrolled.
() => {
  const worded = new Set(["id", "href", "src", "title", "alt", "name", "value", "download", "datetime", "lang",
    "hreflang", "placeholder", "aria-label", "viewBox"]);
  const references = new Set(["for", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns"]);
  const landmarks = "nav, aside, main, header, footer, [role=region], [role=navigation], [role=search]";
  const scrolling = "pre, code, .table-scroll, .katex-display, .md-sidebar__scrollwrap";
  const number = (text) => {  // 53 bits that hardly ever agree by chance
    let high = 0xdeadbeef, low = 0x41c6ce57;
    for (let place = 0; place < text.length; place++) {
      high = Math.imul(high ^ text.charCodeAt(place), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(place), 1597334677);
    }
    return 4294967296 * (2097151 & (low ^ (low >>> 15))) + ((high ^ (high >>> 13)) >>> 0);
  };
  const described = ({ name, value }) => {
    if (references.has(name)) {
      return `${name} ${value.split(/\s+/).every((id) => document.getElementById(id)) ? "" : "lost"}`;
    }
    if (worded.has(name) || /^data-(?!md-)/.test(name)) return `${name}${value.trim() ? "" : " empty"}`;
    return `${name}=${name === "style" ? value.replace(/[\d.]+(px|em|%)|(?<=aspect-ratio:)[\s\d./]+/g, "1$1") : value}`;
  };
  const painted = /(?:^|;)\s*((?:fill|color|opacity|background|font)[\w-]*\s*:[^;]*)/g;
  const paint = (element) => [
    element.getAttribute("fill") || "", element.getAttribute("opacity") || "",
    element instanceof SVGElement ? element.getAttribute("class") || "" : "",
    ...[...(element.getAttribute("style") || "").matchAll(painted)].map(([, rule]) => rule),
  ].join(" ").trim();
  const texts = (element, above) => {  // inside a figure or a formula: what its text is painted with
    const own = paint(element), path = own ? `${above}>${own}` : above;
    if ([...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) kinds.add(number(path));
    for (const child of element.children) texts(child, path);
  };
  const kinds = new Set(), ids = new Set(), names = new Set();
  let level = 0;
  const extra = function* (element) {
    if ([...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) yield "text";
    if (element.id && ids.has(element.id)) yield "twice";
    ids.add(element.id);
    if (element.matches(landmarks)) {
      const name = `${element.localName} ${element.getAttribute("role")} ${element.getAttribute("aria-label")}`;
      if (names.has(name)) yield "another of this name";
      names.add(name);
    }
    if (/^h[1-6]$/.test(element.localName)) {
      yield `after ${level}`;
      level = Number(element.localName[1]);
    }
    if (element.matches(scrolling) && element.scrollWidth > element.clientWidth) yield "scrolls";
  };
  const walk = (element, above) => {
    if (["script", "style"].includes(element.localName)) return;
    let kind = above;
    if (element.className !== "unbroken") {
      const attributes = [...element.attributes].map(described).sort();
      kind = number([above, element.localName, ...attributes, ...extra(element)].join(" "));
      kinds.add(kind);
    }
    if (element.localName === "svg" || element.className === "katex") return texts(element, kind);
    for (const child of element.children) walk(child, kind);
  };
  walk(document.body, 0);
  return [...kinds];
}
