/* Parts of a page that refresh themselves (by htmx, every few seconds) rest while nobody
   looks, and after a failure wait longer each time. After the second failure in a row the
   part carries `data-offline`, by which its style can say that it may be out of date. */
(() => {
  "use strict";

  const FIRST_PAUSE = 5_000;
  const LONGEST_PAUSE = 60_000;
  const failures = new WeakMap();

  const isPoll = (event) => event.detail.ctx.sourceEvent?.type === "every";

  function failed(event) {
    if (!event.detail.ctx) return;
    const part = event.detail.ctx.sourceElement;
    const count = (failures.get(part)?.count ?? 0) + 1;
    const pause = Math.min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE);
    failures.set(part, { count, until: Date.now() + pause });
    if (count > 1) part.setAttribute("data-offline", "");
  }

  document.addEventListener("htmx:before:request", (event) => {
    if (!isPoll(event)) return;
    const resting = failures.get(event.detail.ctx.sourceElement)?.until > Date.now();
    if (document.hidden || resting) event.preventDefault();
  });

  document.addEventListener("htmx:response:error", failed);
  document.addEventListener("htmx:error", failed);

  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (response.status >= 400) return;
    failures.delete(sourceElement);
    sourceElement.removeAttribute("data-offline");
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const part of document.querySelectorAll('[hx-trigger*="every"]')) htmx.trigger(part, "refresh");
  });
})();
