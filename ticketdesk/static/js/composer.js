/* The box for replies and notes: which of both is written, keeping what is typed, and sending it beside others.
   The box works without it. */
(() => {
  "use strict";

  const composer = document.getElementById("composer");
  if (!composer) return;

  const { seen, nonce, reply } = composer.elements;
  const last = () => Number(document.getElementById("thread").dataset.last);
  const areaOf = (kind) => document.getElementById(`${kind}-text`);

  for (const mode of composer.elements.kind) {
    mode.addEventListener("change", () => areaOf(mode.value).focus());
  }

  /* What is being written is kept on the server after each pause, but not once it is sent. */
  const PAUSE = 1_000;
  const kept = composer.querySelector("[data-kept]");
  let pause;
  let keeping;

  async function keep() {
    keeping?.abort();
    keeping = new AbortController();
    const body = new FormData();
    for (const name of ["csrf_token", "nonce", "reply", "note"]) body.set(name, composer.elements[name].value);
    // Offline: what is typed stands in the page, and the next pause tries again.
    const answer = await fetch(composer.dataset.draft, { method: "POST", body, signal: keeping.signal }).catch(() => null);
    if (answer?.status === 204) kept.textContent = "Draft saved.";
  }

  composer.addEventListener("input", ({ target }) => {
    if (!target.matches("textarea")) return;
    composer.toggleAttribute("data-touched", Boolean(reply.value.trim()));
    kept.textContent = "";
    clearTimeout(pause);
    pause = setTimeout(keep, PAUSE);
  });

  composer.addEventListener("submit", (event) => {
    clearTimeout(pause);
    keeping?.abort();
    if (composer.hasAttribute("data-sending")) event.preventDefault();
    composer.setAttribute("data-sending", "");
  });

  window.addEventListener("pageshow", ({ persisted }) => {
    composer.removeAttribute("data-sending");
    // What this page sent is sent; what is written on it from now on is something else.
    if (persisted) nonce.value = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
  });

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.isComposing || !target.matches("#composer textarea")) return;
    if (key === "Escape") target.blur();
    if (key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const buttons = [...composer.querySelectorAll("footer [type=submit]")].filter((button) => button.checkVisibility());
    const resolve = event.shiftKey && buttons.find((button) => button.name === "status");
    composer.requestSubmit(resolve || buttons.at(-1));
  });

  /* A change that a macro brought can be taken away before it is sent. */
  composer.addEventListener("click", ({ target }) => {
    if (!target.closest("[data-drop]")) return;
    target.closest("li").remove();
    const { kind } = composer.elements;
    areaOf(kind.value).focus();
  });

  /* Whether one goes on to the next ticket is remembered by the browser. */
  const onward = document.getElementById("then-next");
  const STORED = "ticketdesk.then-next";
  if (onward) {
    onward.checked = localStorage.getItem(STORED) !== "off";
    onward.addEventListener("change", () => localStorage.setItem(STORED, onward.checked ? "on" : "off"));
  }

  /* Others see that a reply is being written. */
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id !== "ticket" || !composer.hasAttribute("data-touched")) return;
    ctx.request.action += `${ctx.request.action.includes("?") ? "&" : "?"}writing=`;
  });

  /* What arrives while nothing is typed has been seen when the reply is sent. What arrives later is told, and
     the desk stops the reply once, so that nobody answers past each other. */
  document.addEventListener("htmx:after:swap", () => {
    if (last() <= Number(seen.value)) return;
    if (!reply.value.trim()) seen.value = last();
    else composer.querySelector("[data-meanwhile]").textContent = "Something new was said while you wrote. It stands above.";
  });
})();
