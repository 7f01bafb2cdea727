/* Plays the sounds that lie beside the page, if any: one after the other, never two at once. */
const clips = (() => {
  const player = document.getElementById("player");
  let files = [];
  let queue = [];

  function next() {
    const file = queue.shift();
    if (!file) return;
    player.src = file;
    // the next click may come before this one plays
    player.play().catch(() => {});
  }

  function play(...places) {
    queue = places.map((place) => files[place]).filter(Boolean);
    next();
  }

  /* A button that plays a sound; nothing where it has no file. */
  function button(place, name) {
    if (!files[place]) return null;
    const found = make("button", { type: "button", class: "play", "aria-label": `Play ${name}` }, "▶");
    found.addEventListener("click", () => play(place));
    return found;
  }

  function show(benchmark, set) {
    if (player && files !== set.clips) {
      // its controls may be about to go
      queue = [];
      player.pause();
    }
    files = set.clips;
    const told = document.getElementById("licence");
    told.textContent = benchmark.licence;
    told.hidden = !benchmark.licence;
    if (player) player.hidden = !files.some(Boolean);
  }

  if (player) player.addEventListener("ended", next);
  return { button, play, show };
})();
