/* The queue's conveniences on top of a page that works without them: rows that open in place, fields that
   are changed in the row, selection, filters that apply at once, and the keyboard.

   The list refreshes itself by htmx, which turns the old rows into the new ones by their ids. What the
   server cannot know about a row (open, selected, focused) is carried over right before that happens. */
(() => {
  "use strict";

  const list = () => document.getElementById("list");
  const filters = document.getElementById("filters");
  const bulk = document.getElementById("bulk");
  const help = document.getElementById("help");
  const token = document.querySelector("meta[name=csrf-token]").content;

  const rows = () => [...list().querySelectorAll("tbody.ticket")];
  const ticks = () => [...list().querySelectorAll("input[name=ticket]")];
  const link = (row) => row.querySelector("a.open");
  const isOpen = (row) => link(row).getAttribute("aria-expanded") === "true";
  const isTicked = (row) => row.querySelector("input[name=ticket]").checked;
  const say = (message, kind, undo) =>
    document.dispatchEvent(new CustomEvent("toast", { detail: { message, kind, undo } }));
  const refresh = () => htmx.trigger(list(), "refresh");

  // Refreshing

  function enable(root) {
    for (const select of root.querySelectorAll("select.pick")) select.disabled = false;
  }

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id === "list") ctx.request.action += window.location.search;
  });

  document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
    if (ctx.sourceElement.id !== "list") return;
    const fresh = tasks[0].fragment;
    enable(fresh);
    let before = null;
    for (const row of rows()) {
      let next = fresh.querySelector(`#${row.id}`);
      const inUse = isOpen(row) || isTicked(row) || row.contains(document.activeElement);
      if (!next && inUse && fresh.querySelector("table")) {
        // It no longer matches, but somebody is at it: it stays where it is until they are done.
        next = row.cloneNode(true);
        next.classList.add("gone");
        if (before) before.after(next);
        else fresh.querySelector("thead").after(next);
      }
      if (!next) continue;
      link(next).setAttribute("aria-expanded", isOpen(row));
      before = next;
    }
    if (ctx.sourceEvent?.type === "every") {
      const known = new Set(rows().map((row) => row.id));
      for (const row of fresh.querySelectorAll("tbody.ticket")) row.classList.toggle("new", !known.has(row.id));
    }
  });

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id !== "list") return;
    for (const row of rows()) {
      const opened = row.querySelector("tr.opened");
      if (isOpen(row) && opened.dataset.version !== row.dataset.version) load(row);
    }
    showSelection();
  });

  // Opening in place

  async function load(row) {
    const opened = row.querySelector("tr.opened");
    opened.dataset.version = row.dataset.version;
    const answer = await fetch(`/staff/queue/${row.dataset.id}`, { redirect: "manual" }).catch(() => null);
    if (answer?.ok) opened.firstElementChild.innerHTML = await answer.text();
    else if (answer?.type === "opaqueredirect") window.location.reload();
    else {
      delete opened.dataset.version;
      opened.firstElementChild.textContent = "This ticket cannot be loaded right now; close it and open it again.";
    }
  }

  async function toggle(row, open = !isOpen(row)) {
    const opened = row.querySelector("tr.opened");
    link(row).setAttribute("aria-expanded", open);
    if (open && !opened.dataset.version) await load(row);
    opened.hidden = !isOpen(row);
  }

  // Changing in the row

  async function change(row, field, value) {
    const select = row.querySelector(`select[data-field=${field}]`);
    const former = select.dataset.value;
    const name = `TD-${row.dataset.id}`;
    select.classList.add("saving");
    const answer = await fetch(`/api/tickets/${row.dataset.id}/`, {
      method: "PATCH",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify({ [field]: value }),
    }).catch(() => null);
    select.classList.remove("saving");
    if (answer?.ok) {
      select.classList.replace(`${field}-${former}`, `${field}-${value}`);
      select.dataset.value = value;
      select.value = value;
      const word = select.selectedOptions[0].text.toLowerCase();
      say(`${name}: ${field} is now ${word}.`, "good", former === value ? null : () => change(row, field, former));
      refresh();
    } else {
      select.value = former;
      const problem = await answer?.json().catch(() => null);
      if (answer?.status === 401) window.location.reload();
      else say(`${name} is not changed. ${problem?.detail ?? "The desk cannot be reached; try again."}`, "bad");
    }
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("#list select.pick")) change(target.closest("tbody"), target.dataset.field, target.value);
  });

  // Selecting

  let lastTick = null;

  function showSelection() {
    const count = ticks().filter((tick) => tick.checked).length;
    bulk.classList.toggle("ready", count > 0);
    document.getElementById("selected").textContent = count;
    bulk.querySelector(".selected").lastChild.textContent = count === 1 ? " ticket" : " tickets";
    const all = document.getElementById("select-all");
    if (!all) return;
    all.checked = count > 0 && count === ticks().length;
    all.indeterminate = count > 0 && !all.checked;
  }

  function tickAll(on) {
    for (const tick of ticks()) tick.checked = on;
    showSelection();
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    const tick = target.closest("#list input[name=ticket]");
    if (tick) {
      const all = ticks();
      const [from, to] = [all.indexOf(lastTick), all.indexOf(tick)].sort((a, b) => a - b);
      if (event.shiftKey && from >= 0) for (const between of all.slice(from, to + 1)) between.checked = tick.checked;
      lastTick = tick;
      showSelection();
    } else if (target.id === "select-all") {
      tickAll(target.checked);
    } else if (target.closest("#clear-selection")) {
      tickAll(false);
    }
    const open = target.closest("#list a.open");
    if (open && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      toggle(open.closest("tbody"));
    }
  });

  // Filters apply at once; the address says them, so that it can be kept and shared

  let typing;

  function apply({ replace = false } = {}) {
    clearTimeout(typing);
    const wanted = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value));
    if (wanted.get("sort") === "-created_at") wanted.delete("sort");
    const address = wanted.size ? `?${wanted}` : filters.action;
    window.history[replace ? "replaceState" : "pushState"](null, "", address);
    tickAll(false);
    for (const filter of filters.querySelectorAll("details.filter")) {
      const count = filter.querySelectorAll(":checked").length;
      filter.querySelector(".count-mark").textContent = count || "";
    }
    refresh();
  }

  filters.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  filters.addEventListener("change", ({ target }) => {
    if (target.type !== "search") apply();
  });
  filters.addEventListener("input", ({ target }) => {
    if (target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(apply, 300, { replace: true });
  });
  window.addEventListener("popstate", () => window.location.reload());

  // The keyboard

  const STORED = "ticketdesk.shortcuts";
  const shortcutsOn = document.getElementById("shortcuts-on");
  shortcutsOn.checked = localStorage.getItem(STORED) !== "off";
  shortcutsOn.addEventListener("change", () => localStorage.setItem(STORED, shortcutsOn.checked ? "on" : "off"));
  document.getElementById("help-button").addEventListener("click", () => help.showModal());
  help.addEventListener("click", ({ target }) => {
    if (target === help) help.close();
  });

  const current = () => document.activeElement.closest("tbody.ticket");

  function step(by) {
    const all = rows();
    const next = all[current() ? all.indexOf(current()) + by : by > 0 ? 0 : all.length - 1];
    if (!next) return;
    link(next).focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function choose(field) {
    const select = current()?.querySelector(`select[data-field=${field}]`);
    select?.focus();
    // Only some browsers let a script open the list of choices; elsewhere the arrow keys choose.
    try {
      select?.showPicker();
    } catch { /* The select has the focus. */ }
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => { if (current()) window.location.assign(link(current()).href); },
    x: () => current()?.querySelector("input[name=ticket]").click(),
    s: () => choose("status"),
    p: () => choose("priority"),
    c: () => choose("category"),
    "/": () => document.getElementById("search").select(),
    "?": () => help.showModal(),
    Enter: () => {
      if (document.activeElement.matches("input[name=ticket]")) toggle(current());
      else return false;
    },
    Escape: () => {
      const open = current() && isOpen(current()) ? current() : null;
      if (open) {
        link(open).focus();
        toggle(open, false);
      } else if (bulk.classList.contains("ready")) tickAll(false);
      else return false;
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || help.open) return;
    const { target, key } = event;
    if (target.matches("select, textarea, input:not([type=checkbox])")) {
      if (key === "Escape" && target.id === "search") target.blur();
      return;
    }
    if (key.length === 1 && !shortcutsOn.checked) return;
    if (Object.hasOwn(keys, key) && keys[key]() !== false) event.preventDefault();
  });

  enable(document);
  showSelection();
})();
