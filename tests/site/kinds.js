// What kinds of element the page holds, as numbers: each element's way down from the body, by what of it a rule or a
// style looks at. Addresses, words and languages count only as being there; figures and formulas are not looked into,
// nor is what keeps Chinese words together. An id that stands twice is a kind of its own.
() => {
  const worded = new Set(["id", "href", "src", "title", "alt", "for", "name", "value", "download", "datetime", "lang",
    "hreflang", "placeholder", "aria-label"]);
  const number = (text) => {  // 53 bits that hardly ever agree by chance
    let high = 0xdeadbeef, low = 0x41c6ce57;
    for (let place = 0; place < text.length; place++) {
      high = Math.imul(high ^ text.charCodeAt(place), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(place), 1597334677);
    }
    return 4294967296 * (2097151 & (low ^ (low >>> 15))) + ((high ^ (high >>> 13)) >>> 0);
  };
  const kinds = new Set(), ids = new Set();
  const walk = (element, above) => {
    if (["script", "style"].includes(element.localName)) return;
    let kind = above;
    if (element.className !== "unbroken") {
      const attributes = [...element.attributes].map(({ name, value }) =>
        worded.has(name) || /^data-(?!md-)/.test(name) ? `${name}${value.trim() ? "" : " empty"}` : `${name}=${value}`);
      const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      const twice = element.id && ids.has(element.id);
      const own = [element.localName, ...attributes.sort(), text ? "text" : "", twice ? "twice" : ""].join(" ");
      kind = number(`${above} ${own}`);
      kinds.add(kind);
    }
    if (element.id) ids.add(element.id);
    if (element.localName === "svg" || element.className === "katex") return;
    for (const child of element.children) walk(child, kind);
  };
  walk(document.body, 0);
  return [...kinds];
}
