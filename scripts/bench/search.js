/* Drives the search engines in a page, for scripts/bench/search.py. */
"use strict";

/* Engines that speak the four messages of Material's search worker. */
async function byWorker(lang, asked, { worker: script, index }) {
  const [SETUP, QUERY, RESULT] = [0, 2, 3];
  const data = await (await fetch(index)).json();
  const worker = new Worker(script);
  const next = (wanted) => new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data: { type, data } }) => type === wanted && resolve(data);
  });
  const ready = next(1);
  worker.postMessage({ type: SETUP, data: { ...data, options: { suggest: true } } });
  await ready;
  const answers = [];
  for (const query of [asked[0], ...asked]) { // the first answer waits for the index
    const started = performance.now();
    const result = next(RESULT);
    worker.postMessage({ type: QUERY, data: query });
    const { items } = await result;
    answers.push([items.slice(0, 20).map(([first]) => first.location), performance.now() - started]);
  }
  return answers.slice(1);
}

async function byPagefind(lang, asked) {
  document.documentElement.lang = lang;
  const pagefind = await import(`/pagefind/${lang}/pagefind/pagefind.js`);
  await pagefind.init();
  const answers = [];
  for (const query of asked) {
    const started = performance.now();
    const { results } = await pagefind.search(query);
    const first = results.length ? [await results[0].data()] : [];
    const time = performance.now() - started;
    const others = await Promise.all(results.slice(1, 3).map((result) => result.data()));
    answers.push([[...first, ...others].map((result) => result.url), time]);
  }
  return answers;
}

/* The site's own dialog: from the key, or what else put text into the field, to the frame after the first result. */
let pressed, seen;

function watchKeys() {
  const list = document.querySelector(".md-search-result__list");
  for (const kind of ["keydown", "input"]) addEventListener(kind, (event) => (pressed ||= event.timeStamp), true);
  new MutationObserver(() => {
    if (pressed && !seen && list.querySelector("a")) {
      seen = -1;
      requestAnimationFrame(() => (seen = performance.now()));
    }
  }).observe(list, { childList: true });
}

function forget() {
  pressed = seen = undefined;
}

async function shown() {
  for (let waited = 0; waited < 500; waited++) {
    if (seen > 0) return seen - pressed;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("no result was shown");
}

Object.assign(globalThis, { byWorker, byPagefind, watchKeys, forget, shown });
