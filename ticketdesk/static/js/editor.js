/* Writing Markdown: marks by buttons and keys, and a preview that the desk itself makes. */
(() => {
  "use strict";

  const composer = document.getElementById("composer");
  if (!composer) return;

  const area = () => document.getElementById(`${composer.elements.kind.value}-text`);

  /* Other scripts send `insert` events to a text area, with { start, end, text }. */
  composer.addEventListener("insert", ({ target, detail: { start, end, text } }) => {
    target.focus();
    target.setSelectionRange(start, end);
    // By the browser's own command it can be undone by the browser's own key.
    if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
    target.setRangeText(text, start, end, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  function put(start, end, text) {
    area().dispatchEvent(new CustomEvent("insert", { bubbles: true, detail: { start, end, text } }));
  }

  function wrap(mark, example, closing = mark) {
    const { selectionStart: start, selectionEnd: end, value } = area();
    const text = value.slice(start, end) || example;
    put(start, end, mark + text + closing);
    area().setSelectionRange(start + mark.length, start + mark.length + text.length);
  }

  const marks = {
    bold: () => wrap("**", "bold text"),
    italic: () => wrap("*", "emphasis"),
    code() {
      const { selectionStart, selectionEnd, value } = area();
      if (value.slice(selectionStart, selectionEnd).includes("\n")) wrap("```\n", "", "\n```");
      else wrap("`", "code");
    },
    link() {
      const { selectionStart: start, selectionEnd: end, value } = area();
      const text = value.slice(start, end) || "text";
      put(start, end, `[${text}](https://)`);
      const address = start + text.length + 3;
      area().setSelectionRange(address, address + "https://".length);
    },
    list() {
      const { selectionStart, selectionEnd, value } = area();
      const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
      const lines = value.slice(start, selectionEnd).split("\n");
      put(start, selectionEnd, lines.map((line) => `- ${line}`).join("\n"));
    },
  };
  const keys = { b: "bold", i: "italic", k: "link" };

  composer.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-mark]");
    if (button) marks[button.dataset.mark]();
  });

  composer.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (!target.matches("textarea") || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    if (!Object.hasOwn(keys, key)) return;
    event.preventDefault();
    marks[keys[key]]();
  });

  /* The toolbar is one stop for Tab; the arrow keys go through it. */
  const toolbar = composer.querySelector("[role=toolbar]");
  const tools = [...toolbar.querySelectorAll("button")];
  tools.forEach((tool, index) => { tool.tabIndex = index ? -1 : 0; });
  toolbar.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const from = tools.indexOf(event.target);
    if (!by || from < 0) return;
    event.preventDefault();
    const next = tools[(from + by + tools.length) % tools.length];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  /* Write or preview */

  const tabs = [...composer.querySelectorAll("[role=tab]")];
  const preview = document.getElementById("preview");

  async function load() {
    preview.textContent = "One moment…";
    const body = new FormData();
    for (const name of ["csrf_token", "kind", "reply", "note"]) body.set(name, composer.elements[name].value);
    const answer = await fetch(composer.dataset.preview, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (answer?.ok) preview.innerHTML = await answer.text();
    else preview.textContent = "The preview cannot be made right now; what you wrote is still here.";
  }

  function show(tab) {
    for (const each of tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", chosen);
      each.tabIndex = chosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (tab.id === "preview-tab") load();
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      show(tab);
      if (tab.id === "write-tab") area().focus();
    });
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      const other = tabs.find((each) => each !== tab);
      show(other);
      other.focus();
    });
  }
  composer.addEventListener("change", ({ target }) => {
    if (target.name === "kind") show(tabs[0]);
  }, { capture: true });

  /* Browsers that cannot let a text area grow by style. */
  if (!CSS.supports("field-sizing", "content")) {
    composer.addEventListener("input", ({ target }) => {
      if (!target.matches("textarea")) return;
      target.style.height = "auto";
      target.style.height = `${target.scrollHeight + 2}px`;
    });
  }
})();
