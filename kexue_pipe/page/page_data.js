// Data sets stand in the page as columns; here they become rows again, and CSV.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const words = read("words");

function column(values, index) {
  if (Array.isArray(values)) return values[index];
  return "at" in values ? values.of[values.at[index]] : values.all;
}

function rowsOf({ n, columns }) {
  const entries = Object.entries(columns);
  return Array.from({ length: n }, (_, index) =>
    Object.fromEntries(entries.map(([name, values]) => [name, column(values, index)])));
}

function csv(content) {
  const rows = content.rows.flatMap((name) => rowsOf(content.data[name]));
  const names = [...new Set(content.rows.flatMap((name) => Object.keys(content.data[name].columns)))];
  const quote = (value) => {
    const text = Array.isArray(value) ? value.join(" ") : String(value ?? "");
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => names.map((name) => quote(row[name])).join(","));
  return [names.join(","), ...lines].join("\n") + "\n";
}

function download(name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function downloadText(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  download(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
