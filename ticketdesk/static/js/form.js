/* The ticket form: a suggestion when the customer leaves the description, the room that is
   left in long texts, and one ticket for two clicks. Everything here is an extra; the form
   works without it. */
(() => {
  "use strict";

  const form = document.getElementById("ticket-form");
  const { title, description, requester_name: requesterName, csrf_token: token } = form.elements;
  const selects = { category: form.elements.category, priority: form.elements.priority };
  const region = document.getElementById("suggestion");
  const submit = document.getElementById("submit");

  document.getElementById("review").hidden = true;

  const MIN_TEXT = 10;
  const PATIENCE = 15_000;
  const SENDING_MAX = 20_000;

  /* Which of the region's parts is to be seen. */
  const part = (name) => region.querySelector(`[data-part="${name}"]`);
  function show(name) {
    for (const each of region.children) each.hidden = each.dataset.part !== name;
  }
  const banner = () => part("answer").querySelector("[data-suggestion]");
  const rest = () => show(banner() ? "answer" : "hint");

  /* What the customer chose by hand is never touched again. The list travels with the form. */
  const byHand = new Set(form.elements.by_hand.value.split(" ").filter(Boolean));
  for (const [name, select] of Object.entries(selects)) {
    if (select.value && select.value !== banner()?.dataset[name]) byHand.add(name);
    select.addEventListener("change", () => {
      byHand.add(name);
      noteChoices();
    });
  }

  function noteChoices() {
    form.elements.by_hand.value = [...byHand].join(" ");
    const proposed = banner()?.dataset;
    for (const [name, select] of Object.entries(selects)) {
      const followed = Boolean(proposed?.[name]) && select.value === proposed[name];
      select.toggleAttribute("data-suggested", followed);
      const kept = proposed?.[name] && banner().querySelector(`[data-field="${name}"] [data-kept]`);
      if (!kept) continue;
      kept.hidden = followed || !select.value;
      kept.querySelector("strong").textContent = select.selectedOptions[0].text.split(":")[0];
    }
  }

  /* Asking. Only the answer to the text as it stands counts; the form never waits for it. */
  const typed = () => `${title.value.trim()}\n\n${description.value.trim()}`;
  const length = (text) => [...text.trim()].length;
  let asked = banner() ? typed() : "";
  let underWay = null;

  function stop() {
    underWay?.abort();
    underWay = null;
  }

  async function ask() {
    if (length(description.value) < MIN_TEXT || typed() === asked) return;
    stop();
    const mine = new AbortController();
    const patience = setTimeout(() => mine.abort(), PATIENCE);
    underWay = mine;
    asked = typed();
    show("busy");
    let answer = "";
    try {
      const response = await fetch(form.dataset.suggest, {
        method: "POST",
        signal: mine.signal,
        body: new URLSearchParams({
          title: title.value,
          description: description.value,
          requester_name: requesterName.value,
          csrf_token: token.value,
        }),
      });
      if (response.ok) answer = await response.text();
    } catch {
      /* Offline, or too slow: the note below says so, and the desk sorts the ticket itself. */
    }
    clearTimeout(patience);
    if (underWay === mine) {
      underWay = null;
      take(answer);
    }
  }

  function take(answer) {
    if (answer) part("answer").innerHTML = answer;
    else asked = "";
    if (answer && banner()) {
      form.elements.suggestion.value = banner().dataset.suggestion;
      for (const [name, select] of Object.entries(selects)) {
        if (!byHand.has(name)) select.value = banner().dataset[name];
      }
      noteChoices();
    }
    show(answer ? "answer" : "failed");
  }

  /* Pressing the button takes the focus from the description. Nothing may move under the pointer then. */
  let pressing = false;
  submit.addEventListener("pointerdown", () => { pressing = true; });
  window.addEventListener("pointerup", () => { pressing = false; });
  window.addEventListener("pointercancel", () => { pressing = false; });
  description.addEventListener("blur", () => { if (!pressing) ask(); });

  for (const field of [title, description]) {
    field.addEventListener("input", () => {
      if (!underWay || typed() === asked) return;
      stop();
      asked = "";
      rest();
    });
  }

  /* The room that is left, told once it gets scarce. Pasted text is never cut off. */
  for (const field of form.querySelectorAll("[data-limit]")) {
    const limit = Number(field.dataset.limit);
    const room = document.getElementById(`${field.id}-room`);
    const count = () => {
      const left = limit - length(field.value);
      room.hidden = left > limit / 10;
      room.classList.toggle("over", left < 0);
      room.textContent = left < 0
        ? `${(-left).toLocaleString("en")} characters too many`
        : `${left.toLocaleString("en")} characters left`;
    };
    field.addEventListener("input", count);
    count();
  }

  /* One ticket for two clicks, and for going back and submitting the same again: the place in the
     browser's history keeps the form's nonce, also where going back loads the page anew. */
  const { nonce } = form.elements;
  nonce.value = history.state?.nonce ?? nonce.value;
  history.replaceState({ nonce: nonce.value }, "");

  const label = submit.querySelector("[data-idle]");
  function sending(now) {
    form.toggleAttribute("data-sending", now);
    submit.setAttribute("aria-disabled", String(now));
    label.textContent = now ? label.dataset.busy : label.dataset.idle;
  }
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("data-sending")) {
      event.preventDefault();
      return;
    }
    stop();
    rest();
    sending(true);
    setTimeout(sending, SENDING_MAX, false);
  });
  window.addEventListener("pageshow", () => sending(false));
})();
