// One selection of variants: legends, the list above, and addresses (#variant=...) share it.
let chosen = null; // labels that are emphasised; null: every chart as it was made
let sharing = false;
const labels = new Map(
  [...document.querySelectorAll("#variants tr[data-label]")].map((row) => [row.id.slice(8), row.dataset.label]));

function emphasise(entry, wanted) {
  const own = wanted.filter((label) => entry.known.has(label));
  if (!entry.field || (wanted.length && !own.length)) return Promise.resolve();
  const tuples = own.map((label) => ({ unit: "", fields: [{ type: "E", field: entry.field }], values: [label] }));
  const change = entry.view.changeset().remove(() => true).insert(tuples);
  return entry.view.change("pick_store", change).runAsync();
}

async function share(wanted, among) {
  sharing = true;
  await Promise.all(among.map((entry) => emphasise(entry, wanted)));
  sharing = false;
}

// A chart that is drawn takes over what is chosen, and tells the others what its legend chooses.
function link(name) {
  const entry = views.get(name);
  if (!entry.field) return;
  if (chosen) share(chosen, [entry]);
  entry.view.addSignalListener("pick", (_, value) => {
    if (sharing) return;
    const picked = value?.[entry.field] ?? [];
    const section = [...views.values()].filter((other) => other !== entry
      && other.section === entry.section && other.field === entry.field);
    share(picked, section);
    tell(picked);
  });
}

function tell(picked) {
  const bar = document.getElementById("chosen");
  bar.hidden = !picked.length;
  bar.firstElementChild.textContent = `${words.alone} ${picked.join("; ")}`;
  document.querySelector("#search select").value = picked.length === 1 ? picked[0] : "";
  for (const row of document.querySelectorAll("tr[data-label]")) {
    row.classList.toggle("chosen", picked.includes(row.dataset.label));
  }
  const hash = picked.map((label) => `variant=${encodeURIComponent(label)}`).join("&");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function choose(wanted) {
  chosen = wanted.length ? wanted : null;
  tell(wanted);
  return share(wanted, [...views.values()].filter((entry) => entry.field === "label"));
}

// Addresses: a place of the page, or variants by canonical name or label.
function follow() {
  const asked = new URLSearchParams(location.hash.slice(1)).getAll("variant");
  if (!asked.length) return reveal();
  choose(asked.map((name) => labels.get(name) ?? name));
  if (asked.length === 1 && labels.has(asked[0])) {
    history.replaceState(null, "", `#variant=${encodeURIComponent(asked[0])}`);
  }
  return undefined;
}

function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  target.scrollIntoView();
}

let moved = false; // by the reader: then charts that are drawn no longer move the page
for (const event of ["wheel", "touchmove", "keydown", "mousedown"]) {
  window.addEventListener(event, () => { moved = true; }, { passive: true, once: true });
}
function keepPlace() {
  if (!moved && location.hash && !location.hash.startsWith("#variant=")) reveal();
}
