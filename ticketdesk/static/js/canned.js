/* Canned replies: a slash at the start of a word opens a list, filtered by what follows it.

   The focus stays in the text area, which names the chosen option to screen readers. A macro's changes become
   chips in the box, to be seen and taken away before they are sent. */
(() => {
  "use strict";

  const composer = document.getElementById("composer");
  if (!composer) return;

  const picker = document.getElementById("picker");
  const list = document.getElementById("canned-list");
  const pending = document.getElementById("pending");
  const told = composer.querySelector("[data-picker-told]");
  const areas = [...composer.querySelectorAll("textarea")];

  let open = null; // The text area that the list is open for.
  let dismissed = -1; // Where a slash stands that is meant as one.
  let loading = null;

  const shown = () => [...list.children].filter((option) => !option.hidden);
  const chosen = () => list.querySelector("[aria-selected=true]");

  function load() {
    loading ??= fetch(composer.dataset.canned, { redirect: "manual" })
      .then(async (answer) => {
        if (!answer.ok) throw new Error(answer.status);
        list.innerHTML = await answer.text();
        return "There are no canned replies yet.";
      })
      .catch(() => {
        loading = null;
        return "Canned replies cannot be loaded right now.";
      });
    return loading;
  }

  /* The slash before the caret, and what is typed behind it. */
  function slash(area) {
    const before = area.value.slice(0, area.selectionStart);
    const found = area.selectionStart === area.selectionEnd && /(?:^|\s)\/([^\s/]{0,40})$/u.exec(before);
    return found ? { start: before.length - found[1].length - 1, typed: found[1].toLowerCase() } : null;
  }

  function rank({ dataset: { title, shortcut } }, typed) {
    if (shortcut.startsWith(typed)) return 0;
    if (title.split(/\s+/u).some((word) => word.startsWith(typed))) return 1;
    return title.includes(typed) || shortcut.includes(typed) ? 2 : 3;
  }

  function choose(option) {
    for (const each of list.children) each.setAttribute("aria-selected", each === option);
    if (!option) return;
    open.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (!open) return;
    open.removeAttribute("aria-activedescendant");
    open.removeAttribute("aria-controls");
    open = null;
    picker.hidden = true;
    told.textContent = "";
  }

  async function update(area) {
    let found = slash(area);
    if (!found || found.start !== dismissed) dismissed = -1;
    if (!found || found.start === dismissed) return close();
    const reason = await load();
    found = slash(area);
    if (!found || document.activeElement !== area) return close();

    const ranked = [...list.children].map((option) => [rank(option, found.typed), option]);
    for (const [place, option] of ranked) option.hidden = place === 3;
    list.append(...ranked.sort(([a], [b]) => a - b).map(([, option]) => option));
    const empty = picker.querySelector(".picker-empty");
    empty.hidden = list.children.length > 0;
    empty.textContent = reason;
    // Whoever writes a path or a date is not held up.
    if (found.typed && !shown().length) return close();

    open = area;
    picker.hidden = false;
    area.setAttribute("aria-controls", list.id);
    choose(shown()[0]);
    const count = shown().length;
    told.textContent = count ? `${count} canned ${count === 1 ? "reply" : "replies"}; choose with the arrow keys.` : reason;
  }

  function pick(option) {
    const area = open;
    const { start } = slash(area);
    const { text } = option.dataset;
    close();
    area.dispatchEvent(new CustomEvent("insert", { bubbles: true, detail: { start, end: area.selectionStart, text } }));
    for (const chip of option.querySelector("template").content.cloneNode(true).children) {
      const { name, value } = chip.querySelector("input");
      const [same] = [...pending.children].filter((each) => {
        const input = each.querySelector("input");
        return input.name === name && (name !== "set_tag" || input.value === value);
      });
      if (same) same.replaceWith(chip.cloneNode(true));
      else pending.append(chip.cloneNode(true));
    }
    composer.querySelector("footer").scrollIntoView({ block: "nearest" });
  }

  const keys = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: () => pick(chosen()),
    Tab: () => pick(chosen()),
    Escape: () => {
      dismissed = slash(open)?.start ?? -1;
      close();
    },
  };

  function step(by) {
    const options = shown();
    choose(options[(options.indexOf(chosen()) + by + options.length) % options.length]);
  }

  for (const area of areas) {
    area.addEventListener("focus", load, { once: true });
    area.addEventListener("input", () => update(area));
    area.addEventListener("click", () => { if (open) update(area); });
    area.addEventListener("blur", ({ relatedTarget }) => { if (!picker.contains(relatedTarget)) close(); });
    area.addEventListener("keydown", (event) => {
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.isComposing;
      if (!open || !plain || !Object.hasOwn(keys, event.key)) return;
      if (event.key !== "Escape" && !chosen()) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    });
  }

  // The text area keeps the focus while the mouse is used.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) pick(option);
  });

  composer.querySelector("[data-canned-open]").addEventListener("click", () => {
    const area = document.getElementById(`${composer.elements.kind.value}-text`);
    const { selectionEnd, value } = area;
    const text = /(?:^|\s)$/u.test(value.slice(0, selectionEnd)) ? "/" : " /";
    area.dispatchEvent(new CustomEvent("insert", { bubbles: true, detail: { start: selectionEnd, end: selectionEnd, text } }));
  });
})();
