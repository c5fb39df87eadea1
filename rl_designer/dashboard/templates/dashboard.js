"use strict";
// Tells whether the page is seen, since only then it is brought up to date.
document.addEventListener("visibilitychange", () => window.emitEvent && emitEvent("seen", !document.hidden));

// The report's pages keep the choice in the same place.
const keptColours = () => localStorage.getItem("rl-designer-theme");
function setColours(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("rl-designer-theme", theme);
  Quasar.Dark.set(theme === "dark");
}
