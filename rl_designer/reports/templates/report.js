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
})();
