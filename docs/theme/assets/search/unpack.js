/* Reads the index that scripts/generate/search.py and packing.py write. Pure, as rank.js is. */
var GuideIndex = (() => {
  "use strict";

  const SIGNS = Array.from({ length: 92 }, (_, i) => String.fromCharCode(35 + i)).filter((sign) => sign !== "\\").join("");
  const ENDS = 72;
  const VALUE = new Map([...SIGNS].map((sign, value) => [sign, value]));

  /* The numbers in a word of signs. */
  function numbers(signs) {
    const found = [];
    let more = 0;
    for (const sign of signs) {
      const value = VALUE.get(sign);
      if (value < ENDS) {
        found.push(more + value);
        more = 0;
      } else more += (value - ENDS + 1) * ENDS;
    }
    return found;
  }

  const row = (text) => (text ? text.split("|") : []);

  /* The words of each text, in the order of the vocabulary. */
  function texts({ vocabulary, where }, count) {
    const found = Array.from({ length: count }, () => []);
    const places = where.split(" ");
    vocabulary.split(" ").forEach((word, at) => {
      let place = -1;
      for (const step of numbers(places[at])) found[(place += step + 1)].push(word);
    });
    return found;
  }

  /* What one edition says of each page: names, phrases as lists of words, prose, and its pitfalls. */
  function pages(data) {
    const leads = data.pitfalls.map(row);
    const sets = texts(data, leads.reduce((sum, found) => sum + 2 + found.length, 0));
    let at = 0;
    return data.urls.map((url, page) => {
      const asked = sets[at++], prose = sets[at++];
      return {
        title: data.titles[page],
        names: row(data.names[page]),
        asked: row(data.asked[page].replace(/ /g, "|")).map((signs) => numbers(signs).map((place) => asked[place])),
        prose,
        pitfalls: leads[page].map((lead) => ({ lead, words: sets[at++] })),
      };
    });
  }

  /* The documents of an edition: pages, pitfalls, errors and headings; with what `other`, the index of the other
     edition, says of the same pages and pitfalls. */
  function documents(data, other) {
    const mine = pages(data), theirs = other && pages(other);
    const whole = other && other.lang === "en" ? other : data; // the Chinese index has no titles of papers
    const cited = (page) => whole.cited[page].map((number) => whole.papers[number]);
    const docs = mine.map((own, page) => {
      const { title, names, asked, prose, pitfalls } = theirs ? theirs[page] : { names: [], asked: [], prose: [], pitfalls: [] };
      const url = data.urls[page], papers = cited(page);
      const name = url.replace(/\/index\.html$/, "").split("/").pop().replace(".html", "");
      const hurdles = [...own.pitfalls, ...pitfalls].flatMap(({ words }) => words);
      return {
        url, page, kind: { t: "technique", s: "section", p: "page" }[data.kinds[page]],
        title: own.title, summary: data.summaries[page], links: data.links[page], torch: row(data.torch[page]),
        names: [...new Set([...(title ? [title] : []), name, ...own.names, ...names])],
        asked: [...own.asked, ...asked],
        papers: papers.map(([title]) => title).filter(Boolean),
        authors: papers.slice(0, 1).map(([, authors, year]) => `${row(authors).join(" ")} ${year}`).join(""),
        coauthors: papers.slice(1).map(([, authors]) => row(authors).join(" ")).join(" "),
        text: [...prose, ...own.prose, ...hurdles].join(" "),
      };
    });
    const place = (page, anchor) => ({ page, url: `${data.urls[page]}#${anchor}`, in: data.titles[page] });
    mine.forEach(({ pitfalls }, page) => pitfalls.forEach(({ lead, words }, number) => {
      const same = theirs && theirs[page].pitfalls[number];
      const text = [...words, ...(same ? same.words : [])].join(" ");
      docs.push({ ...place(page, `pitfall-${number + 1}`), kind: "pitfall", title: lead, names: same ? [same.lead] : [], text });
    }));
    for (const [page, number, title] of data.errors) docs.push({ ...place(page, `pitfall-${number + 1}`), kind: "error", title });
    data.headings.forEach(([page, anchor, title], at) => {
      docs.push({ ...place(page, anchor), kind: "heading", title, names: other ? [other.headings[at][2]] : [] });
    });
    return docs;
  }

  /* Whether a query asks the other edition, too: in English with any Chinese, in Chinese with two words of Latin letters. */
  function asksOther(data, text) {
    if (data.lang === "en") return /\p{sc=Han}/u.test(text);
    return (text.match(/\p{sc=Latin}{2,}/gu) || []).length > 1;
  }

  return { asksOther, documents };
})();
