/* On the 404 page: asks the search worker for what the address names, in the edition that the address lies in. */
(() => {
  "use strict";

  const SETUP = 0, READY = 1, QUERY = 2, RESULT = 3;
  const base = new URL(`${JSON.parse(document.getElementById("__config").textContent).base}/`.replace("//", "/"), location.href);
  const wanted = decodeURIComponent(location.pathname.slice(base.pathname.length));
  const chinese = /^zh\//.test(wanted) && !base.pathname.endsWith("/zh/");
  const edition = chinese ? new URL("zh/", base) : base;
  const words = wanted.split("/").pop() || wanted.split("/").slice(-2)[0] || "";
  const query = words.replace(/\.\w+$/, "").replace(/[-_+.]+/g, " ").trim();
  if (!query || query === "404") return; // this very page, asked for by its name

  const place = document.getElementById("not-found");
  const worker = new Worker(new URL("assets/search/worker.js", edition));
  worker.addEventListener("message", ({ data: { type, data } }) => {
    if (type === READY) worker.postMessage({ type: QUERY, data: query });
    if (type !== RESULT) return;
    for (const [{ location: address, title }] of data.items.slice(0, 5)) {
      const link = document.createElement("a");
      link.href = new URL(address, edition);
      link.innerHTML = title; // the worker escapes it
      const item = document.createElement("li");
      item.append(link);
      place.querySelector("ul").append(item);
    }
    place.hidden = !data.items.length;
    worker.terminate();
  });
  fetch(new URL("search/search_index.json", edition))
    .then((response) => response.json())
    .then((data) => worker.postMessage({ type: SETUP, data }));
})();
