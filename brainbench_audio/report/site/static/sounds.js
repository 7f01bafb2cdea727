(() => {
  const data = read("sounds-data");
  const form = document.getElementById("choice");
  const [select, targets] = ["benchmark", "target"].map((id) => document.getElementById(id));
  const ids = data.benchmarks.map((one) => one.id);

  function fillTargets(benchmark) {
    document.getElementById("of-target").hidden = benchmark.targets.length < 2;
    targets.replaceChildren(...benchmark.targets.map((name, place) => make("option", { value: place }, name)));
  }

  function restore() {
    const chosen = choices();
    select.value = ids.includes(chosen.get("b")) ? chosen.get("b") : ids[0];
    const benchmark = data.benchmarks[select.selectedIndex];
    fillTargets(benchmark);
    targets.selectedIndex = Math.max(benchmark.targets.indexOf(chosen.get("t")), 0);
  }

  function store() {
    const chosen = new URLSearchParams();
    if (select.selectedIndex > 0) chosen.set("b", select.value);
    if (targets.selectedIndex > 0) chosen.set("t", data.benchmarks[select.selectedIndex].targets[targets.selectedIndex]);
    remember(chosen);
  }

  function show() {
    const benchmark = data.benchmarks[select.selectedIndex];
    const set = data.sets[benchmark.set];
    document.getElementById("score").textContent = `Score ${benchmark.score}, ${set.names.length} sounds`;
    clips.show(benchmark, set);
    alike.show(benchmark, set);
    wrong.show(benchmark, set, Math.max(targets.selectedIndex, 0));
    store();
  }

  form.hidden = false;
  select.addEventListener("change", () => { fillTargets(data.benchmarks[select.selectedIndex]); show(); });
  targets.addEventListener("change", show);
  window.addEventListener("hashchange", () => { restore(); show(); });
  restore();
  show();
})();
