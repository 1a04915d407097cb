/* The queue by keyboard: moving, opening, selecting, menus behind letters, and finding one's place again. */
(() => {
  "use strict";

  const { rows, link, isOpen, isTicked, toggle, tickAll, targets, act, pending } = window.queue;
  const list = () => document.getElementById("list");
  const bulk = document.getElementById("bulk");
  const help = document.getElementById("help");
  const menu = document.getElementById("menu");

  // Where one is

  const focused = () => document.activeElement.closest("tbody.ticket");
  const here = () => focused() ?? document.getElementById(window.queue.last);

  document.addEventListener("focusin", ({ target }) => {
    const row = target.closest("#list tbody.ticket");
    if (row) window.queue.last = row.id;
  });

  function go(row) {
    link(row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const all = rows().filter((row) => row === here() || !pending.has(row.dataset.id));
    const place = all.indexOf(here());
    const next = all[place < 0 ? (by > 0 ? 0 : all.length - 1) : place + by];
    if (next) go(next);
    return Boolean(next);
  }

  // Selecting a range

  let lastTick = null;

  function tick(range) {
    if (!focused()) return;
    const all = rows();
    const [from, to] = [all.findIndex((row) => row.id === lastTick), all.indexOf(focused())].sort((a, b) => a - b);
    if (range && from >= 0) for (const row of all.slice(from, to + 1)) if (!isTicked(row)) row.querySelector("[name=ticket]").click();
    if (!range || from < 0) focused().querySelector("[name=ticket]").click();
    lastTick = focused().id;
  }

  // Menus: the choices are those of the bar for the selected tickets

  let chosen = [];

  function choose(name) {
    chosen = targets();
    if (!chosen.length) return;
    const select = bulk.elements[name];
    const [one] = chosen;
    const what = chosen.length === 1 ? `TD-${one.dataset.id}` : `${chosen.length} tickets`;
    menu.querySelector("h2").textContent = `${select.getAttribute("aria-label")}: ${what}`;
    const items = [...select.options].filter((option) => option.value).map((option) => {
      const item = document.createElement("button");
      item.type = "button";
      item.setAttribute("role", "menuitem");
      item.name = name;
      item.value = option.value;
      item.textContent = option.text;
      return item;
    });
    menu.querySelector("[role=menu]").replaceChildren(...items);
    menu.showModal();
    items[0].focus();
  }

  menu.addEventListener("click", ({ target }) => {
    if (target === menu) menu.close();
    if (!target.matches("[role=menuitem]")) return;
    menu.close();
    act({ [target.name]: target.value }, chosen);
  });

  menu.addEventListener("keydown", (event) => {
    const items = [...menu.querySelectorAll("[role=menuitem]")];
    const place = items.indexOf(document.activeElement);
    const after = [...items.slice(place + 1), ...items.slice(0, place + 1)];
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const typed = event.key.length === 1 && event.key !== " " && event.key.toLowerCase();
    const next = by
      ? items.at((place + by) % items.length)
      : typed && after.find((item) => item.textContent.toLowerCase().startsWith(typed));
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  function tags() {
    if (!targets().length) return;
    if (focused() && !targets().some(isTicked)) tick(false);
    bulk.querySelector("details").open = true;
    bulk.elements.add_tags.focus();
  }

  // The letters

  const shortcutsOn = document.getElementById("shortcuts-on");

  /* What a ticket is done with leads on to the next one. */
  function resolve() {
    const single = focused() && !targets().some(isTicked);
    act({ status: "resolved" });
    if (single) step(1) || step(-1);
  }

  const onLink = () => document.activeElement.matches("#list a.open");

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => onLink() && step(1),
    ArrowUp: () => onLink() && step(-1),
    ArrowRight: () => onLink() && toggle(focused(), true),
    ArrowLeft: () => onLink() && isOpen(focused()) && toggle(focused(), false),
    " ": () => onLink() && toggle(focused()),
    o: () => { if (focused()) link(focused()).click(); },
    x: () => tick(false),
    X: () => tick(true),
    e: resolve,
    a: () => act({ assignee: "me" }),
    s: () => choose("status"),
    p: () => choose("priority"),
    c: () => choose("category"),
    h: () => choose("snooze"),
    l: tags,
    "/": () => document.getElementById("search").select(),
    "?": () => help.showModal(),
    Enter: () => document.activeElement.matches("input[name=ticket]") && link(focused()).click(),
    Escape: () => {
      const open = focused() && isOpen(focused()) ? focused() : null;
      if (open) {
        go(open);
        toggle(open, false);
      } else if (bulk.classList.contains("ready")) tickAll(false);
      else return false;
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target, key } = event;
    if (target.closest("dialog, [popover]:not(#side)")) return;
    if (target.matches("select, textarea, input:not([type=checkbox])")) {
      if (key === "Escape" && target.id === "search") target.blur();
      return;
    }
    if (key.length === 1 && key !== " " && !shortcutsOn.checked) return;
    if (Object.hasOwn(keys, key) && keys[key]() !== false) event.preventDefault();
  });

  // Coming back: the row that was left, and what was selected, for as long as the tab is open

  const PLACE = "ticketdesk.queue";

  window.addEventListener("pagehide", () => {
    const all = rows();
    const place = { at: window.location.search, row: window.queue.last, index: all.indexOf(here()) };
    sessionStorage.setItem(PLACE, JSON.stringify({ ...place, ticked: all.filter(isTicked).map((row) => row.id) }));
  });

  function comeBack() {
    const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
    const type = performance.getEntriesByType("navigation")[0]?.type ?? "navigate";
    const viewed = document.referrer.startsWith(window.location.origin) && /\/staff\/tickets\/(\d+)/.exec(document.referrer);
    if (type === "navigate" && !viewed) return;
    const same = place.at === window.location.search;
    if (same && type !== "navigate") {
      for (const id of place.ticked) document.querySelector(`#${id} input[name=ticket]`)?.click();
    }
    const row = document.getElementById(viewed ? `ticket-${viewed[1]}` : place.row)
      ?? (same ? rows()[Math.min(place.index, rows().length - 1)] : null);
    if (row) go(row);
  }

  comeBack();
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted && here()) go(here());
  });
})();
