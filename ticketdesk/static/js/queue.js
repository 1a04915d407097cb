/* The queue's conveniences on top of a page that works without them: rows that open in place, fields that
   are changed in the row, selection and what is done with it, and filters that apply at once. The keyboard
   stands in queue-keys.js.

   The list refreshes itself by htmx, which turns the old rows into the new ones by their ids. What the
   server cannot know about a row (open, selected, focused) is carried over right before that happens. */
(() => {
  "use strict";

  const list = () => document.getElementById("list");
  const filters = document.getElementById("filters");
  const bulk = document.getElementById("bulk");
  const token = document.querySelector("meta[name=csrf-token]").content;

  const rows = () => [...list().querySelectorAll("tbody.ticket")];
  const ticks = () => [...list().querySelectorAll("input[name=ticket]")];
  const link = (row) => row.querySelector("a.open");
  const peek = (row) => row.querySelector("button.peek");
  const isOpen = (row) => peek(row).getAttribute("aria-expanded") === "true";
  const isTicked = (row) => row.querySelector("input[name=ticket]").checked;
  const say = (message, kind, undo) =>
    document.dispatchEvent(new CustomEvent("toast", { detail: { message, kind, undo } }));
  const refresh = () => {
    for (const id of ["list", "views"]) htmx.trigger(document.getElementById(id), "refresh");
  };

  /* Tickets that something is being done with, and those that it was done with since the list was last fresh:
     what they leave, they may leave at once. */
  const pending = new Set();
  const acted = new Set();
  let heir = null;

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
      if (!next && acted.has(row.dataset.id)) {
        if (row.contains(document.activeElement)) heir = heirOf(row, fresh);
        continue;
      }
      if (!next && inUse && fresh.querySelector("table")) {
        // It no longer matches, but somebody is at it: it stays where it is until they are done.
        next = row.cloneNode(true);
        next.classList.add("gone");
        if (before) before.after(next);
        else fresh.querySelector("thead").after(next);
      }
      if (!next) continue;
      peek(next).setAttribute("aria-expanded", isOpen(row));
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
    if (heir !== null) (document.querySelector(`#${heir} a.open`) ?? list().querySelector(".empty h2"))?.focus();
    heir = null;
    if (!pending.size) acted.clear();
    document.title = list().dataset.title;
    showSelection();
  });

  /* Who has the focus once a row has left: the next one that stays, else the one before, else what is said in place
     of the list, which has no id. */
  function heirOf(row, fresh) {
    const all = rows();
    const place = all.indexOf(row);
    const others = [...all.slice(place + 1), ...all.slice(0, place).reverse()];
    return others.find((other) => fresh.querySelector(`#${other.id}`))?.id ?? "nobody";
  }

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
    peek(row).setAttribute("aria-expanded", open);
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

  // What is done with the selected tickets, or with the one that has the focus

  function targets() {
    const ticked = rows().filter(isTicked);
    const focused = document.activeElement.closest("tbody.ticket");
    return ticked.length || !focused ? ticked : [focused];
  }

  async function act(fields, chosen = targets()) {
    const ids = chosen.map((row) => row.dataset.id).filter((id) => !pending.has(id));
    if (!ids.length) return;
    const form = new FormData();
    form.append("csrf_token", token);
    for (const id of ids) form.append("ticket", id);
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    for (const id of ids) pending.add(id);
    for (const row of chosen) row.classList.add("acting");
    const answer = await fetch(window.location.href, {
      method: "POST",
      headers: { "X-Answer": "toast" },
      body: form,
      redirect: "manual",
    }).catch(() => null);
    for (const id of ids) pending.delete(id);
    for (const id of ids) document.getElementById(`ticket-${id}`)?.classList.remove("acting");
    if (answer?.type === "opaqueredirect") window.location.reload();
    else if (answer?.ok) {
      for (const id of ids) acted.add(id);
      document.dispatchEvent(new CustomEvent("toasts", { detail: await answer.text() }));
      bulk.reset();
      showSelection();
      if (!pending.size) refresh();
    } else say("Nothing is changed. The desk cannot be reached, or this page is too old; load it again.", "bad");
  }

  bulk.addEventListener("submit", (event) => {
    // Merging has a page of its own, and what is deleted is told on the page that follows.
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const fields = [...new FormData(bulk)].filter(([name, value]) => value && !["ticket", "csrf_token"].includes(name));
    const row = document.getElementById(window.queue.last) ?? targets()[0];
    bulk.querySelector("details").open = false;
    act(Object.fromEntries(fields));
    if (row) link(row).focus();
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
    const opener = target.closest("#list button.peek");
    if (opener) toggle(opener.closest("tbody"));
  });

  // Filters apply at once; the address says them, so that it can be kept and shared

  let typing;

  /* While one searches, the best matches come first unless another order is asked for. */
  function offerOrders(searching) {
    const [usual, newest] = filters.elements.sort.options;
    filters.toggleAttribute("data-searching", searching);
    usual.textContent = searching ? usual.dataset.searching : usual.dataset.otherwise;
    newest.hidden = newest.disabled = !searching;
    if (newest.selected && !searching) usual.selected = true;
  }

  function apply({ replace = false } = {}) {
    clearTimeout(typing);
    const wanted = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value));
    offerOrders(wanted.has("search"));
    if (!filters.elements.sort.value) wanted.delete("sort");
    const address = wanted.size ? `?${wanted}` : filters.action;
    window.history[replace ? "replaceState" : "pushState"](null, "", address);
    tickAll(false);
    for (const filter of filters.querySelectorAll("details.filter")) {
      const inputs = [...filter.querySelectorAll("input, select")];
      const count = inputs.filter((input) => (input.type === "checkbox" ? input.checked : input.value)).length;
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

  /* What is saved as a view is the list as it stands now. */
  for (const form of document.querySelectorAll("#save-view form, #update-view")) {
    form.addEventListener("submit", () => { form.elements.query.value = window.location.search; });
  }

  enable(document);
  showSelection();
  window.queue = { rows, link, isOpen, isTicked, toggle, tickAll, targets, act, pending };
})();
