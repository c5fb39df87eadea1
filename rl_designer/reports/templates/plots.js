"use strict";
(function () {
  // A mark says what it is to the mouse, to a finger and to the arrow keys; its design lights up everywhere.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "status");
  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));
  let shown = null; // a mark, or a row of a table
  let plot = null; // that it is in
  let design = null; // that it stands for
  let pointed = false; // and not found by a key
  const places = new WeakMap(); // of each plot, where the arrow keys are

  const marksOf = (drawn) => [...drawn.querySelectorAll(".mark[data-tip]")];
  function hide() {
    tip.classList.remove("shown");
    for (const element of document.querySelectorAll(".lit")) element.classList.remove("lit");
    shown = plot = design = null;
  }
  function show(element, byPointer) {
    pointed = byPointer;
    if (element && element === shown) return;
    hide();
    if (!element) return;
    shown = element;
    plot = element.closest("svg.plot");
    design = element.dataset.design;
    const alike = design ? document.querySelectorAll(`[data-design="${CSS.escape(design)}"]`) : [element];
    for (const other of alike) other.classList.add("lit");
    if (!element.dataset.tip) return;
    tip.textContent = element.dataset.tip;
    tip.classList.add("shown");
    const at = element.getBoundingClientRect();
    const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const above = at.y - tip.offsetHeight - 10;
    tip.style.left = `${Math.min(Math.max(8, at.x + at.width / 2 - tip.offsetWidth / 2), most)}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 10}px`;
  }
  function near(drawn, event) {
    let best = null;
    let distance = 24;
    for (const mark of marksOf(drawn)) {
      const at = mark.getBoundingClientRect();
      const away = Math.hypot(at.x + at.width / 2 - event.clientX, at.y + at.height / 2 - event.clientY);
      if (away < distance) [best, distance] = [mark, away];
    }
    return best;
  }
  function point(event) {
    const drawn = event.target.closest?.("svg.plot");
    const row = event.target.closest?.("li[data-design], tr[data-design], details[data-design]");
    if (drawn) show(near(drawn, event), true);
    else if (row) show(row, true);
    else if (pointed) hide();
  }
  // Where the page has the layers of a mark's design, they open.
  function open(mark, jump) {
    const told = mark?.dataset.design;
    const layers = told && document.querySelector(`details[data-design="${CSS.escape(told)}"]`);
    if (!layers) return;
    layers.open = true;
    if (jump) layers.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("click", (event) => {
    const drawn = event.target.closest?.("svg.plot");
    if (drawn) open(near(drawn, event), event.pointerType !== "touch");
  });
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("pointerleave", hide);
  document.addEventListener("focusout", (event) => event.target.closest?.("svg.plot") && hide());
  document.addEventListener("keydown", (event) => {
    const drawn = event.target.closest?.("svg.plot");
    if (!drawn) return;
    const marks = marksOf(drawn);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (event.key === "Enter" && plot === drawn) open(shown, true);
    if (!step || !marks.length) return;
    event.preventDefault();
    const place = Math.min(Math.max((places.get(drawn) ?? -1) + step, 0), marks.length - 1);
    places.set(drawn, place);
    show(marks[place], false);
  });
  // A plot that was drawn anew goes on telling of the same design.
  document.addEventListener("redrawn", () => {
    if (!shown) return;
    const [drawn, told] = [plot, design];
    hide();
    const marks = drawn?.isConnected && told ? marksOf(drawn) : [];
    const again = marks.findIndex((mark) => mark.dataset.design === told);
    if (again >= 0 && !pointed) places.set(drawn, again);
    show(marks[again] ?? null, pointed);
  });
  window.addEventListener("scroll", hide, { passive: true });
})();
