/* The conveniences of a ticket's page: the keyboard, and writing beside others. The page works without it. */
(() => {
  "use strict";

  const composer = document.getElementById("composer");
  const shortcuts = () => localStorage.getItem("ticketdesk.shortcuts") !== "off";
  const last = () => Number(document.getElementById("thread").dataset.last);

  function write(kind) {
    if (!composer) return;
    composer.querySelector(`[name=kind][value=${kind}]`).checked = true;
    document.getElementById(`${kind}-text`).focus();
  }

  const keys = {
    r: () => write("reply"),
    n: () => write("note"),
    a: () => document.getElementById("take-it")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.altKey) return;
    const writing = target.matches("select, textarea, input:not([type=checkbox], [type=radio])");
    if (writing && target.closest("#composer")) {
      if (key === "Escape") target.blur();
      if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        const buttons = [...composer.querySelectorAll("footer .primary")];
        composer.requestSubmit(buttons.find((button) => button.checkVisibility()));
      }
    }
    if (writing || event.ctrlKey || event.metaKey || !shortcuts() || !Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]();
  });

  if (!composer) return;

  for (const mode of composer.elements.kind) {
    mode.addEventListener("change", () => document.getElementById(`${mode.value}-text`).focus());
  }

  /* What is being written is kept on the server after each pause, but never once it is sent. */
  const PAUSE = 1_000;
  let pause;
  let keeping;
  async function keep() {
    keeping?.abort();
    keeping = new AbortController();
    const { draft } = composer.dataset;
    // Offline: what is typed stands in the page, and the next pause tries again.
    await fetch(draft, { method: "POST", body: new FormData(composer), signal: keeping.signal }).catch(() => {});
  }
  composer.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(keep, PAUSE);
  });

  composer.addEventListener("submit", (event) => {
    clearTimeout(pause);
    keeping?.abort();
    if (composer.hasAttribute("data-sending")) event.preventDefault();
    composer.setAttribute("data-sending", "");
  });
  window.addEventListener("pageshow", () => composer.removeAttribute("data-sending"));

  /* What arrives while nothing is typed has been seen when the reply is sent. What arrives later is told, and
     the desk stops the reply once, so that nobody answers past each other. */
  document.addEventListener("htmx:after:swap", () => {
    const { seen, reply } = composer.elements;
    if (last() <= Number(seen.value)) return;
    if (!reply.value.trim()) seen.value = last();
    else composer.querySelector("[data-meanwhile]").textContent = "Something new was said while you wrote. It stands above.";
  });
})();
