// Wiring: buttons, the list of variants, addresses, width and colours.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = words.copied;
    } catch {
      window.getSelection().selectAllChildren(code);
      button.textContent = words.selected;
    }
    setTimeout(() => { button.textContent = words.copy; }, 1500);
  });
}
for (const button of document.querySelectorAll("[data-export]")) {
  const name = button.parentElement.dataset.of;
  button.addEventListener("click", () => save(name, button.dataset.export));
}
document.querySelector("#search select").addEventListener("change", (event) => {
  choose(event.target.value ? [event.target.value] : []);
});
document.querySelector("#chosen button").addEventListener("click", () => choose([]));

let width = window.innerWidth;
let timer;
window.addEventListener("resize", () => {
  clearTimeout(timer);
  if (window.innerWidth !== width) timer = setTimeout(drawAll, 300);
  width = window.innerWidth;
});
dark.addEventListener("change", drawAll);
window.addEventListener("hashchange", follow);
for (const plot of document.querySelectorAll(".plot")) near.observe(plot);
follow();
drawAll();
