// The search box: BM25 over everything that has a place on the page, in English and Chinese.
const documents = read("documents").map(([kind, title, place, more]) => ({ kind, title, place, more }));

// Words and numbers, the parts of names, and Chinese characters alone and in pairs.
function terms(text) {
  const found = text.toLowerCase().match(/[a-z]+|\d+|[\u3400-\u9fff]+/g) ?? [];
  return found.flatMap((word) => {
    if (!/[\u3400-\u9fff]/.test(word)) return [word];
    const pairs = Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));
    return [...word, ...pairs];
  });
}

let index;
function build() {
  index = new Map(); // term -> Map of document -> weighted count
  let total = 0;
  for (const doc of documents) {
    const all = [...terms(doc.title), ...terms(doc.title), ...terms(doc.title), ...terms(doc.more)];
    doc.length = all.length;
    total += all.length;
    for (const term of all) {
      if (!index.has(term)) index.set(term, new Map());
      index.get(term).set(doc, (index.get(term).get(doc) ?? 0) + 1);
    }
  }
  index.average = total / documents.length;
}

function search(query) {
  if (!index) build();
  const scores = new Map();
  const asked = new Set(terms(query));
  for (const term of asked) {
    const gains = new Map(); // the best match of this term in each document
    const places = [...index.entries()].filter(([known]) => known === term
      || (term.length > 2 && known.startsWith(term)));
    for (const [known, found] of places) {
      const rarity = Math.log(1 + (documents.length - found.size + 0.5) / (found.size + 0.5));
      for (const [doc, count] of found) {
        const size = 1.2 * (0.25 + 0.75 * doc.length / index.average);
        const gain = (known === term ? 1 : 0.5) * rarity * count * 2.2 / (count + size);
        gains.set(doc, Math.max(gains.get(doc) ?? 0, gain));
      }
    }
    for (const [doc, gain] of gains) {
      const { sum = 0, terms: several = 0 } = scores.get(doc) ?? {};
      scores.set(doc, { sum: sum + gain, terms: several + 1 });
    }
  }
  const total = ({ sum, terms: several }) => sum * several / asked.size; // all terms before some
  return [...scores].sort((a, b) => total(b[1]) - total(a[1])).slice(0, 12).map(([doc]) => doc);
}

const box = document.querySelector("#search input");
const found = document.getElementById("found");

function show() {
  const results = search(box.value);
  found.hidden = !box.value.trim();
  found.replaceChildren(...results.map(({ kind, title, place }) => {
    const item = document.createElement("li");
    const anchor = item.appendChild(document.createElement("a"));
    const at = place.startsWith("variant=") ? `variant=${encodeURIComponent(place.slice(8))}` : place;
    anchor.href = `#${at}`;
    anchor.appendChild(document.createElement("small")).textContent = words[kind];
    anchor.append(title);
    return item;
  }));
  if (!results.length) found.textContent = words.nothing;
}

box.addEventListener("input", show);
found.addEventListener("click", () => { found.hidden = true; });
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  found.querySelector("a")?.click();
});
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    box.focus();
  }
  if (event.key === "Escape") found.hidden = true;
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("#search")) found.hidden = true;
});
