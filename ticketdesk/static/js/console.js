/* What the console's pages share: toasts, copying, selects that save themselves, and parts that
   refresh themselves behind a session that has ended. Every page works without it. */
(() => {
  "use strict";

  document.documentElement.classList.add("js");

  /* Times that somebody chooses are in their own zone, which only their browser knows. */
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  document.cookie = `ticketdesk_zone=${encodeURIComponent(timeZone)}; path=/staff; max-age=31536000; samesite=lax${secure}`;

  const TOAST_LASTS = 6_000;
  const UNDO_LASTS = 20_000;

  function leave(toast) {
    toast.classList.add("leaving");
    setTimeout(() => toast.remove(), 200);
  }

  function expire(toast) {
    let timer;
    const start = () => { timer = setTimeout(leave, toast.querySelector("form") ? UNDO_LASTS : TOAST_LASTS, toast); };
    const stop = () => clearTimeout(timer);
    toast.addEventListener("pointerenter", stop);
    toast.addEventListener("pointerleave", start);
    toast.addEventListener("focusin", stop);
    toast.addEventListener("focusout", start);
    start();
  }

  const MOST_TOASTS = 3;

  function show(toast) {
    const shown = document.getElementById("toasts");
    shown.append(toast);
    for (const old of [...shown.querySelectorAll(".toast:not(.bad)")].slice(0, -MOST_TOASTS)) old.remove();
    if (!toast.classList.contains("bad")) expire(toast);
  }

  /* Say something; other scripts send `toast` events with { message, kind, undo }. Faults stay until dismissed. */
  document.addEventListener("toast", ({ detail: { message, kind = "good", undo } }) => {
    const toast = document.querySelector("template#toast").content.firstElementChild.cloneNode(true);
    toast.classList.add(kind);
    toast.querySelector("p").textContent = message;
    const button = toast.querySelector(".undo");
    button.hidden = !undo;
    button.addEventListener("click", () => {
      leave(toast);
      undo();
    });
    show(toast);
  });

  /* Show the toasts that the server has sent in place of a page. */
  document.addEventListener("toasts", ({ detail: html }) => {
    const sent = new DOMParser().parseFromString(html, "text/html");
    for (const toast of sent.querySelectorAll("#toasts > .toast")) show(document.adoptNode(toast));
  });

  for (const toast of document.querySelectorAll("#toasts > .toast:not(.bad)")) expire(toast);

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      document.dispatchEvent(new CustomEvent("toast", { detail: { message: "Copied." } }));
    } catch {
      // Without https the browser has no clipboard for us.
      window.prompt("Copy this:", button.dataset.copy);
    }
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-dismiss], [data-copy]");
    if (button?.hasAttribute("data-copy")) copy(button);
    else if (button) leave(button.closest(".toast"));
  });

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-submit]")) target.form.requestSubmit();
  });

  /* A click elsewhere and Escape close what opens over the page. */
  const overlays = "details.filter[open], details.account[open], details.snooze[open]";
  document.addEventListener("click", ({ target }) => {
    for (const open of document.querySelectorAll(overlays)) if (!open.contains(target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll(overlays)) {
      open.open = false;
      open.querySelector("summary").focus();
      event.stopPropagation();
    }
  }, { capture: true });

  /* The side bar marks the view that is open, which the page's address says. */
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id === "views") ctx.request.action += window.location.search;
  });

  /* A `g` and a letter open a view from anywhere, or lead back to the list; the letter reaches nobody else. */
  const WAITS = 1_500;
  let going = 0;
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.matches("select, textarea, input:not([type=checkbox], [type=radio])") || target.closest("dialog")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("ticketdesk.shortcuts") === "off") return;
    const link = Date.now() - going < WAITS && document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    going = key === "g" ? Date.now() : 0;
    if (!link && key !== "g") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (link) link.click();
  }, { capture: true });

  /* A session that has ended leads to the sign-in page, which must not be put into a part of this one. */
  document.addEventListener("htmx:before:response", (event) => {
    if (!event.detail.ctx.response.raw.redirected) return;
    event.preventDefault();
    window.location.reload();
  });

  /* A page that the browser kept and shows again, as by going back, is brought up to date at once. */
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    for (const part of document.querySelectorAll('[hx-trigger*="every"]')) htmx.trigger(part, "refresh");
  });

  /* A select shows what its user last chose, even after the page has learnt of a newer value. */
  document.addEventListener("htmx:after:swap", () => {
    for (const select of document.querySelectorAll("select[data-value]")) {
      if (select !== document.activeElement && !select.matches(".saving")) select.value = select.dataset.value;
    }
  });
})();
