/* Asks the server that sent the page whether results have changed since. */
(() => {
  if (location.protocol === "file:") return;
  const ADDRESS = "/changes";
  const EVERY = 1000;
  let known = null;
  let timer = null;

  async function ask() {
    if (document.hidden) return;
    try {
      const answer = await fetch(ADDRESS, { cache: "no-store" });
      if (!answer.ok) {
        clearInterval(timer);
        return;
      }
      const now = await answer.text();
      // what is chosen stands behind the #, so it is still there
      if (known !== null && now !== known) location.reload();
      known = now;
    } catch {
      // the server has stopped; it may come back
    }
  }

  timer = setInterval(ask, EVERY);
  ask();
  document.addEventListener("visibilitychange", ask);
})();
