// Shows the reports that have all words of the search, and only the shelves with one of them.
const field = document.getElementById("seek");
const shelves = [...document.querySelectorAll(".shelf")];
field.closest("p").hidden = shelves.length === 0;
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const shelf of shelves) {
    const rows = [...shelf.querySelectorAll("li")];
    rows.forEach((row) => (row.hidden = !words.every((word) => row.dataset.words.includes(word))));
    const kept = rows.filter((row) => !row.hidden).length;
    shelf.hidden = kept === 0;
    shown += kept;
  }
  document.getElementById("none").hidden = shown > 0;
  document.getElementById("told").textContent = `${shown} shown`;
});
