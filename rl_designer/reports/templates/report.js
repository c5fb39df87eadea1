"use strict";
(function () {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const remember = {
    // A page opened as a file may have no storage.
    get() { try { return localStorage.getItem("rl-designer-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("rl-designer-theme", theme); } catch { /* then not */ } },
  };
  const theme = () => root.dataset.theme || (system.matches ? "dark" : "light");
  const name = () => { button.textContent = theme() === "dark" ? "Light colours" : "Dark colours"; };
  const kept = remember.get();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.hidden = false;
  name();
  system.addEventListener("change", name);
  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    remember.set(root.dataset.theme);
    name();
  });

  const tip = document.getElementById("tip");
  let marked = [];
  function hide() {
    tip.classList.remove("shown");
    for (const element of marked) element.classList.remove("lit");
    marked = [];
  }
  function show(mark) {
    hide();
    if (!mark) return;
    const design = mark.dataset.design;
    marked = design ? [...document.querySelectorAll(`[data-design="${CSS.escape(design)}"]`)] : [mark];
    for (const element of marked) element.classList.add("lit");
    if (!mark.dataset.tip) return;
    tip.textContent = mark.dataset.tip;
    tip.classList.add("shown");
    const at = mark.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.x + at.width / 2 - tip.offsetWidth / 2), root.clientWidth - tip.offsetWidth - 8);
    const above = at.y - tip.offsetHeight - 10;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 10}px`;
  }

  const near = (plot, event) => {
    let best = null;
    let distance = 24;
    for (const mark of plot.querySelectorAll(".mark[data-tip]")) {
      const at = mark.getBoundingClientRect();
      const away = Math.hypot(at.x + at.width / 2 - event.clientX, at.y + at.height / 2 - event.clientY);
      if (away < distance) [best, distance] = [mark, away];
    }
    return best;
  };
  for (const plot of document.querySelectorAll("svg.plot")) {
    let place = -1;
    plot.addEventListener("pointermove", (event) => show(near(plot, event)));
    plot.addEventListener("pointerdown", (event) => show(near(plot, event)));
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const marks = [...plot.querySelectorAll(".mark[data-tip]")];
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || !marks.length) return;
      event.preventDefault();
      place = Math.min(Math.max(place + step, 0), marks.length - 1);
      show(marks[place]);
    });
  }
  for (const row of document.querySelectorAll("li[data-design], tr[data-design]")) {
    row.addEventListener("pointerenter", () => show(row));
    row.addEventListener("pointerleave", hide);
  }
  window.addEventListener("scroll", hide, { passive: true });
})();
