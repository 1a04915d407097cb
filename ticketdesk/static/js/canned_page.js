/* Writing a canned reply: what it will look like, while it is typed, and variables by a click. */
(() => {
  "use strict";

  const form = document.getElementById("canned-form");
  const preview = document.getElementById("preview");
  const { body } = form.elements;
  const PAUSE = 300;
  let pause;
  let asked = 0;

  async function load() {
    const mine = (asked += 1);
    const data = new FormData();
    for (const name of ["csrf_token", "body"]) data.set(name, form.elements[name].value);
    const answer = await fetch(form.dataset.preview, { method: "POST", body: data, redirect: "manual" }).catch(() => null);
    const text = answer?.ok ? await answer.text() : null;
    // An answer that was overtaken shows what was typed before.
    if (mine !== asked || text === null) return;
    preview.innerHTML = text;
  }

  body.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(load, PAUSE);
  });

  document.addEventListener("click", ({ target }) => {
    const { variable } = target.closest("[data-variable]")?.dataset ?? {};
    if (!variable) return;
    body.focus();
    if (document.execCommand("insertText", false, variable)) return;
    body.setRangeText(variable, body.selectionStart, body.selectionEnd, "end");
    body.dispatchEvent(new Event("input"));
  });
})();
