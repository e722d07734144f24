/* Ranks the guide's pages for a query. Pure: no page, no network; the worker and the tests run it alike. */
var GuideSearch = (() => {
  "use strict";

  const STOP = new Set(
    ("a an and are as at be but by can do does for from get has have how i if in is it its me my no not of on or " +
      "should that the this to use using vs was we what when where which why will with your after during every than " +
      "的 了 是 在 和 与 吗 呢 怎么 如何 什么 为什么").split(" "));
  /* Words that people add to a name without meaning another page. */
  const FILLERS = new Set(
    ("torch pytorch paper explained implementation code example tutorial algorithm method technique formula " +
      "optimizer optimiser scheduler initialization initialisation init lr nn optim 论文 代码 实现 初始化 优化器 调度器").split(" "));
  /* Words of a Chinese question, which stand between its other words without a space. */
  const ASKED = /怎么样?|怎样|如何|为什么|什么|哪一?[个种些]|多少|应该|可以|有没有|是不是|请问|[的了吗呢吧]/g;
  const FIELDS = ["title", "names", "torch", "papers", "authors", "summary", "headings", "text", "coauthors"];
  const BOOST = { title: 10, names: 9, torch: 8, papers: 4, authors: 3.5, summary: 3, headings: 2, text: 1, coauthors: 1 };
  const KIND = { technique: 1, symptom: 0.95, section: 0.85, page: 0.6 };
  const SHOWN = 12;

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const squash = (text) => fold(text).replace(/[^\p{L}\p{N}]+/gu, "");

  /* Words in lower case without accents, parts and whole of joined names, and pairs of Han characters. */
  function tokens(text) {
    const found = [];
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "");
    for (const piece of plain.split(/[^\p{L}\p{N}_-]+/u)) {
      for (const run of piece.match(/\p{sc=Han}+/gu) || []) {
        if (run.length === 1) found.push(run);
        for (let i = 0; i + 1 < run.length; i++) found.push(run.slice(i, i + 2));
      }
      for (const word of piece.split(/\p{sc=Han}+/u)) {
        let parts = word.split(/[_-]+/).filter(Boolean);
        if (parts.length === 1 && parts[0].length > 7) {
          const humps = parts[0].replace(/([a-z0-9])(?=[A-Z])/g, "$1 ").split(" ");
          if (humps.every((hump) => hump.length > 1)) parts = humps;
        }
        for (const part of parts) found.push(part.toLowerCase());
        if (parts.length > 1) found.push(parts.join("").toLowerCase());
      }
    }
    return found;
  }

  /* Edits that a word of this length may differ by. */
  const slack = (length) => (length < 4 ? 0 : length < 8 ? 1 : 2);

  /* Distance by insertions, deletions, substitutions and swaps of neighbours; Infinity when above the limit. */
  function distance(a, b, limit) {
    if (Math.abs(a.length - b.length) > limit) return Infinity;
    let before = [], last = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      let least = i;
      for (let j = 1; j <= b.length; j++) {
        let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2] + 1);
        row.push(cost);
        if (cost < least) least = cost;
      }
      if (least > limit) return Infinity;
      before = last;
      last = row;
    }
    return last[b.length] <= limit ? last[b.length] : Infinity;
  }

  /* Names by which a page is known, each with its weight: title, aliases, torch names with their shorter forms, papers. */
  function namesOf(doc) {
    const found = [];
    const seen = new Set();
    const add = (text, weight) => {
      const key = squash(text);
      if (!key || seen.has(key)) return;
      seen.add(key);
      found.push({ text, key, weight, terms: [...new Set(tokens(text))] });
    };
    add(doc.title, 1);
    doc.names.forEach((name, place) => add(name, place < 2 ? 0.99 : 0.96 - Math.min(place, 20) * 0.002));
    doc.torch.forEach((name, place) => {
      const parts = name.split(".");
      for (let from = 0; from < parts.length; from++) {
        add(parts.slice(from).join("."), 0.95 - Math.min(place, 20) * 0.004);
      }
    });
    doc.papers.forEach((title, place) => add(title, place ? 0.3 : 0.75));
    return found;
  }

  function open(data) {
    const docs = data.docs.map((doc, id) => {
      const full = { names: [], torch: [], papers: [], headings: [], authors: "", coauthors: "", text: "", ...doc, id };
      const stem = doc.url.split("/").pop().replace(".html", "").split("-");
      return { ...full, known: namesOf(full), stem: stem.filter((part) => !FILLERS.has(part)) };
    });
    /* Every word of a name once, so that a query is compared with it once. */
    const places = new Map();
    const place = (word) => places.get(word) ?? (places.set(word, places.size), places.size - 1);
    for (const doc of docs) {
      for (const name of doc.known) name.places = name.terms.map(place);
      doc.stem = doc.stem.map(place);
    }
    const vocabulary = new Set();
    const index = new MiniSearch({
      fields: FIELDS,
      tokenize: tokens,
      processTerm: (term) => (vocabulary.add(term), term),
      extractField: (doc, field) => (Array.isArray(doc[field]) ? doc[field].join(" / ") : doc[field]),
    });
    index.addAll(docs);
    const sections = docs.filter((doc) => doc.kind === "section");
    const most = Math.max(1, ...docs.map((doc) => doc.links || 0));
    return { docs, index, vocabulary, sections, nameWords: [...places.keys()], most, words: data.words };
  }

  /* How well one name answers the query, 0 to 1000. */
  function nameScore(name, query) {
    if (name.key === query.key) return 1000 * name.weight;
    let best = 0;
    if (query.core && name.key === query.core) best = 900;
    const { key } = query;
    if (key.length > 1 && name.key.startsWith(key)) best = Math.max(best, 420 + 180 * (key.length / name.key.length));
    const limit = key.length < 4 ? 0 : Math.min(3, Math.ceil(key.length / 6));
    for (const form of query.core && query.core !== key ? [key, query.core] : [key]) {
      const off = limit && form.length > 3 ? distance(form, name.key, limit) : Infinity;
      if (off < Infinity && off / form.length <= 0.34) best = Math.max(best, 640 * (1 - off / form.length) - 40);
    }
    let met = 0, all = query.terms.length > 0;
    const used = new Set();
    for (const meets of query.meets) {
      let quality = 0;
      for (const word of name.places) {
        if (meets[word] > 0.6) used.add(word);
        if (meets[word] > quality) quality = meets[word];
      }
      met += quality;
      if (quality < 0.7) all = false;
    }
    const cover = query.terms.length ? met / query.terms.length : 0;
    const share = used.size / name.terms.length;
    if (all) best = Math.max(best, (300 + 350 * share) * cover ** 1.5);
    else if (cover > 0.4) best = Math.max(best, 330 * cover * cover * (0.35 + 0.65 * share));
    return best * name.weight;
  }

  function prepare(typed) {
    const open = typed.replace(ASKED, " ");
    const text = squash(open) ? open : typed;
    const all = tokens(text);
    const wanted = all.filter((term) => !STOP.has(term));
    const words = fold(text).split(/[\s,;?!，。？！；、]+/).filter((word) => word && !STOP.has(word));
    const core = squash(words.filter((word) => !FILLERS.has(word)).join(" "));
    const terms = [...new Set(wanted.length ? wanted : all)];
    const meaning = terms.filter((term) => !FILLERS.has(term));
    return { key: squash(typed), core, terms: meaning.length ? meaning : terms, all: terms };
  }

  /* How well each word of a name meets a word of the query: 1 equal, less for a beginning, or for a slip of a word that
     no page knows. */
  function meetings(guide, term) {
    const known = guide.vocabulary.has(term);
    return Float32Array.from(guide.nameWords, (word) => {
      if (term === word) return 1;
      if (term.length > 1 && word.startsWith(term)) {
        return word.length - term.length > 12 ? 0 : 0.75 + 0.2 * (term.length / word.length);
      }
      if (term.length > 4 && term.length - word.length < 3 && word.length > 3 && term.startsWith(word)) return 0.8;
      return !known && distance(term, word, slack(Math.min(term.length, word.length))) < Infinity ? 0.8 : 0;
    });
  }

  function rank(guide, text) {
    const query = prepare(text);
    if (!query.key) return [];
    const found = guide.index.search(query.all.join(" "), {
      tokenize: (joined) => joined.split(" "),
      boost: BOOST,
      prefix: (term) => term.length > 2 || /\p{sc=Han}/u.test(term),
      fuzzy: (term) => (guide.vocabulary.has(term) || /\p{sc=Han}/u.test(term) ? false : slack(term.length)),
      processTerm: (term) => term,
      weights: { fuzzy: 0.3, prefix: 0.5 },
    });
    const share = (hit) => hit.queryTerms.filter((term) => query.terms.includes(term)).length / query.terms.length;
    const text_score = new Map(found.map((hit) => [hit.id, hit.score * share(hit) ** 1.5]));
    const most = Math.max(1e-9, ...text_score.values());
    query.meets = query.terms.map((term) => meetings(guide, term));
    const hits = [];
    for (const doc of guide.docs) {
      let name, score = 0;
      for (const known of doc.known) {
        const now = nameScore(known, query);
        if (now > score) [name, score] = [known, now];
      }
      const prose = text_score.get(doc.id) || 0;
      if (!prose && score < 180) continue;
      const own = doc.stem.filter((word) => query.meets.some((meets) => meets[word] > 0.7)).length / doc.stem.length;
      let total = score + ((score > 840 ? 35 : score > 450 ? 150 : 220) * prose) / most;
      if (doc.kind === "technique") total += 80 * (own || 0) + (15 * (doc.links || 0)) / guide.most;
      if (doc.kind === "section" && !query.core) total *= 1.6;
      if (name && name.key === query.key) total += 600; // nothing comes before the very name
      hits.push({ doc, name, named: score, score: total * KIND[doc.kind] });
    }
    hits.sort((a, b) => b.score - a.score || a.doc.id - b.doc.id);
    const seen = new Set();
    return hits.filter(({ doc }) => !seen.has(doc.url) && seen.add(doc.url)).slice(0, SHOWN);
  }

  /* The technique whose name shares most pairs of letters with the query: for queries that meet nothing. */
  function nearest(guide, text) {
    const pairs = (key) => new Set(Array.from({ length: Math.max(1, key.length - 1) }, (_, i) => key.slice(i, i + 2)));
    const mine = pairs(squash(text));
    let best, most = -1;
    for (const doc of guide.docs) {
      if (doc.kind !== "technique") continue;
      for (const { key } of doc.known) {
        const theirs = pairs(key);
        const both = [...mine].filter((pair) => theirs.has(pair)).length;
        const like = (2 * both) / (mine.size + theirs.size);
        if (like > most) [best, most] = [doc, like];
      }
    }
    return best;
  }

  const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

  /* What Material's dialog shows: a list of pages, each a list that begins with the page itself. */
  function answer(guide, text) {
    const item = (doc, score, lead = "") => [
      { location: doc.url, title: escape(doc.title), text: lead + escape(doc.summary), terms: {}, score },
    ];
    const hits = rank(guide, text);
    if (!hits.length && squash(text)) {
      const near = nearest(guide, text);
      const label = `<span class="search-none">${escape(guide.words.nearest)}</span> `;
      return { items: [near && item(near, 100, label), ...guide.sections.map((s, i) => item(s, 90 - i))].filter(Boolean) };
    }
    const items = hits.map(({ doc, name, named }, place) => {
      const other = name && named > 400 && doc.kind === "technique" && name.key !== squash(doc.title);
      return item(doc, 1000 - place, other ? `<mark>${escape(name.text)}</mark> ` : "");
    });
    const last = fold(text).split(/[\s-]+/).pop();
    const top = hits.length && hits[0].named > 400 && hits[0].name;
    const word = top && last && top.text.toLowerCase().split(/[\s-]+/).find((w) => w.startsWith(last));
    return { items, suggest: word ? [word] : [] };
  }

  return { answer, open, rank, tokens };
})();
