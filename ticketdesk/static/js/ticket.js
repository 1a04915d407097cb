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
    // What a ticket is done with leads on to the next one, where a reply would.
    if (document.getElementById("then-next")?.checked) {
      status.form.insertAdjacentHTML("beforeend", '<input type="hidden" name="then" value="next">');
    }
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
    h: sleep,
    j: () => click("to-next"),
    k: () => click("to-previous"),
    "]": () => click("to-next"),
    "[": () => click("to-previous"),
    "?": () => help.showModal(),
  };

  const shortcutsOn = document.getElementById("shortcuts-on");

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const writing = target.matches("select, textarea, [contenteditable], input:not([type=checkbox], [type=radio])");
    if (writing || help.open || !shortcutsOn.checked || !Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]();
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
