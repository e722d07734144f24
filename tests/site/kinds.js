// What kinds of element the page holds, as numbers: each element's way down from the body, by what of it a rule or a
// style looks at. Addresses and words count only as being there. An id that stands twice is a kind of its own.
() => {
  const worded = new Set(["id", "href", "src", "title", "alt", "for", "name", "value", "download", "datetime"]);
  const number = (text, seed) => {  // 53 bits of FNV-like mixing
    let high = 0xdeadbeef ^ seed, low = 0x41c6ce57 ^ seed;
    for (let place = 0; place < text.length; place++) {
      high = Math.imul(high ^ text.charCodeAt(place), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(place), 1597334677);
    }
    return 4294967296 * (2097151 & (low ^ (low >>> 15))) + ((high ^ (high >>> 13)) >>> 0);
  };
  const kinds = new Set(), ids = new Set();
  const walk = (element, above) => {
    if (element.localName === "script" || element.localName === "style") return;
    const attributes = [...element.attributes].map(({ name, value }) =>
      worded.has(name) || name === "aria-label" ? `${name}${value.trim() ? "" : " empty"}` : `${name}=${value}`);
    const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const twice = element.id && ids.has(element.id);
    const own = [element.localName, ...attributes.sort(), text ? "text" : "", twice ? "twice" : ""].join(" ");
    const kind = number(`${above} ${own}`, 7);
    kinds.add(kind);
    if (element.id) ids.add(element.id);
    for (const child of element.children) walk(child, kind);
  };
  walk(document.body, 0);
  return [...kinds];
}
