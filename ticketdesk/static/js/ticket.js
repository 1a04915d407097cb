/* A ticket's page by keyboard, and where the focus goes after each act. The page works without it. */
(() => {
  "use strict";

  const composer = document.getElementById("composer");
  const help = document.getElementById("help");
  const click = (id) => document.getElementById(id)?.click();

  function write(kind) {
    if (!composer) return click("to-latest");
    composer.querySelector(`[name=kind][value=${kind}]`).click();
    document.getElementById("write-tab").click();
  }

  function resolve() {
    const status = document.getElementById("status");
    if (["resolved", "closed"].includes(status.value)) return;
    status.value = "resolved";
    status.form.requestSubmit();
  }

  function sleep() {
    const menu = document.getElementById("snooze");
    if (!menu) return;
    menu.open = true;
    menu.querySelector("button").focus();
  }

  const keys = {
    r: () => write("reply"),
    n: () => write("note"),
    a: () => click("take-it"),
    e: resolve,
    s: sleep,
    j: () => click("to-next"),
    k: () => click("to-previous"),
    "]": () => click("to-next"),
    "[": () => click("to-previous"),
    "g q": () => click("to-list"),
    "?": () => help.showModal(),
  };

  /* Letters can be switched off, for whoever speaks to their computer (WCAG 2.1.4). */
  const STORED = "ticketdesk.shortcuts";
  const shortcutsOn = document.getElementById("shortcuts-on");
  shortcutsOn.checked = localStorage.getItem(STORED) !== "off";
  shortcutsOn.addEventListener("change", () => localStorage.setItem(STORED, shortcutsOn.checked ? "on" : "off"));
  document.getElementById("help-button").addEventListener("click", () => help.showModal());
  help.addEventListener("click", ({ target }) => {
    if (target === help) help.close();
  });

  const CHORD = 1_000;
  let pressed = { key: "", at: 0 };
  document.addEventListener("keydown", (event) => {
    const { target, key, timeStamp } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const writing = target.matches("select, textarea, [contenteditable], input:not([type=checkbox], [type=radio])");
    if (writing || help.open || !shortcutsOn.checked) return;
    const chord = timeStamp - pressed.at < CHORD ? `${pressed.key} ${key}` : key;
    pressed = { key, at: timeStamp };
    const name = Object.hasOwn(keys, chord) ? chord : key;
    if (!Object.hasOwn(keys, name)) return;
    event.preventDefault();
    keys[name]();
  });

  /* After a message is sent the focus is on it; after another change, where it was. */
  const FOCUSED = "ticketdesk.focused";
  document.addEventListener("submit", () => {
    const { id } = document.activeElement;
    if (id) sessionStorage.setItem(FOCUSED, JSON.stringify({ id, path: window.location.pathname }));
  });
  const former = JSON.parse(sessionStorage.getItem(FOCUSED));
  sessionStorage.removeItem(FOCUSED);
  const sent = /^#message-\d+$/u.test(window.location.hash) && document.querySelector(window.location.hash);
  if (sent) {
    sent.tabIndex = -1;
    sent.focus();
  } else if (former?.path === window.location.pathname && !document.querySelector("[autofocus]")) {
    const same = document.getElementById(former.id);
    const place = same?.checkVisibility() ? same : same?.closest("details")?.querySelector("summary");
    (place ?? document.getElementById("main")).focus();
  }
})();
