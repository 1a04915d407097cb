/* The dialog that lists a page's keys. Letters can be switched off there, for whoever speaks to their computer
   (WCAG 2.1.4); the pages' own scripts ask the switch. */
(() => {
  "use strict";

  const help = document.getElementById("help");
  const shortcutsOn = document.getElementById("shortcuts-on");
  const STORED = "ticketdesk.shortcuts";

  shortcutsOn.checked = localStorage.getItem(STORED) !== "off";
  shortcutsOn.addEventListener("change", () => localStorage.setItem(STORED, shortcutsOn.checked ? "on" : "off"));
  document.getElementById("help-button").addEventListener("click", () => help.showModal());
  help.addEventListener("click", ({ target }) => {
    if (target === help) help.close();
  });
})();
