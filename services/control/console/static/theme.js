"use strict";
// Runs before the page is drawn: where the reader follows the system, its colours are the page's.
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function follow() {
  if (root.dataset.theme === "system") root.dataset.bsTheme = dark.matches ? "dark" : "light";
}
follow();
dark.addEventListener("change", follow);
