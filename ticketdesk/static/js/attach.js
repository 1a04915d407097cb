/* Files in a form: chosen, dropped or pasted, they are taken in at once, one by one, and the form sends only the words
   for them. Without this script the form sends the files themselves. */
(() => {
  "use strict";

  const MB = 1024 * 1024;
  const said = (bytes) => (bytes < 1024 ? `${bytes} bytes`
    : bytes < MB ? `${Math.round(bytes / 1024)} KB` : `${(bytes / MB).toFixed(1).replace(".0", "")} MB`);

  const REFUSED = {
    413: "is too large for this desk.",
    429: "came too soon after many others; wait a minute and try again.",
  };
  const BROKEN = "could not be sent; check your connection and try again.";

  for (const field of document.querySelectorAll("[data-files]")) enhance(field);

  function enhance(field) {
    const form = field.closest("form");
    const input = field.querySelector("[type=file]");
    const list = field.querySelector(".chosen");
    const told = field.querySelector("[data-told]");
    const limits = { files: Number(field.dataset.most), size: Number(field.dataset.size), total: Number(field.dataset.total) };
    const files = new Set();

    field.setAttribute("data-ready", "");
    field.querySelector(".attach").classList.add("button", "small");
    field.querySelector("[data-scripted]").hidden = false;

    /* One row. `word` is what the form sends for a file that is taken in; `request` is one on its way. */
    function add(name, size) {
      const row = field.querySelector("template").content.firstElementChild.cloneNode(true);
      const file = { row, name, size, word: null, request: null };
      const shown = row.querySelector(".file-name");
      shown.title = name;
      // In two, so that a narrow page leaves out the middle and keeps the ending.
      const cut = name.length > 18 ? -9 : name.length;
      shown.children[0].textContent = name.slice(0, cut);
      shown.children[1].textContent = cut < 0 ? name.slice(cut) : "";
      const remove = row.querySelector(".remove");
      remove.setAttribute("aria-label", `Remove ${name}`);
      remove.addEventListener("click", () => {
        files.delete(file);
        file.request?.abort();
        row.remove();
        told.textContent = `${name} is removed.`;
        input.focus();
        settle();
      });
      list.append(row);
      return file;
    }

    function state(file, text, { progress = null, refused = false, again = null } = {}) {
      const { row } = file;
      row.classList.toggle("refused", refused);
      row.querySelector("[data-state]").textContent = text;
      const bar = row.querySelector("progress");
      bar.hidden = progress === null;
      bar.value = progress ?? 0;
      const button = row.querySelector(".again");
      button.hidden = !again;
      button.onclick = again;
    }

    function refuse(file, why, again) {
      files.delete(file);
      const sentence = why.startsWith("“") ? why : `“${file.name}” ${why}`;
      state(file, sentence, { refused: true, again });
      told.textContent = sentence;
    }

    function done(file, word) {
      file.word = word;
      const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: "waiting", value: word });
      file.row.append(hidden);
      state(file, said(file.size));
    }

    /* Why a file cannot go with the others, in the words of the desk, which decides. */
    function trouble(size) {
      const total = [...files].reduce((sum, file) => sum + file.size, 0);
      if (size === 0) return "is empty; choose another file.";
      if (size > limits.size) return `is larger than ${said(limits.size)}, the most that a file may have.`;
      if (files.size >= limits.files) return `is one too many; a message takes ${limits.files} files.`;
      if (total + size > limits.total) return `does not fit; the files of a message may have ${said(limits.total)} together.`;
      return "";
    }

    function take(chosen, name = chosen.name) {
      const file = add(name, chosen.size);
      send(file, chosen);
    }

    function send(file, chosen) {
      const why = trouble(file.size);
      if (why) {
        refuse(file, why);
        return;
      }
      files.add(file);
      state(file, "0%", { progress: 0 });
      const again = () => send(file, chosen);
      const request = new XMLHttpRequest();
      file.request = request;
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        state(file, `${Math.floor((100 * loaded) / total)}%`, { progress: loaded / total });
      });
      request.addEventListener("loadend", () => {
        file.request = null;
        if (!files.has(file)) return;
        let answer = {};
        try {
          answer = JSON.parse(request.responseText);
        } catch {
          /* A page of the desk or of a proxy; its status says enough. */
        }
        if (request.status === 201) {
          done(file, answer.word);
          told.textContent = `${file.name} is attached.`;
        } else if (answer.fault) refuse(file, answer.fault);
        else refuse(file, REFUSED[request.status] ?? BROKEN, request.status === 413 ? null : again);
        settle();
      });
      const body = new FormData();
      body.set("csrf_token", form.elements.csrf_token.value);
      body.set("files", chosen, file.name);
      request.open("POST", field.dataset.upload);
      request.send(body);
    }

    /* What the desk has already, as after a form that came back. */
    for (const row of [...list.children]) {
      const file = add(row.dataset.name, Number(row.dataset.bytes));
      files.add(file);
      done(file, row.dataset.word);
      row.remove();
    }

    input.addEventListener("change", () => {
      for (const chosen of input.files) take(chosen);
      input.value = "";
    });

    const bringsFiles = (transfer) => transfer?.types.includes("Files");
    let inside = 0;
    function dropping(now) {
      inside = now;
      form.classList.toggle("dropping", now > 0);
    }
    form.addEventListener("dragenter", (event) => { if (bringsFiles(event.dataTransfer)) dropping(inside + 1); });
    form.addEventListener("dragleave", (event) => { if (bringsFiles(event.dataTransfer)) dropping(Math.max(0, inside - 1)); });
    form.addEventListener("dragover", (event) => { if (bringsFiles(event.dataTransfer)) event.preventDefault(); });
    form.addEventListener("drop", (event) => {
      if (!bringsFiles(event.dataTransfer)) return;
      event.preventDefault();
      dropping(0);
      for (const chosen of event.dataTransfer.files) take(chosen);
    });

    /* A screenshot has no name of its own. Text that was copied along with a picture, as from a table, stays text. */
    form.addEventListener("paste", (event) => {
      const { files: pasted, types } = event.clipboardData;
      if (!pasted.length || types.includes("text/plain")) return;
      event.preventDefault();
      const now = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
      for (const chosen of pasted) take(chosen, chosen.name.startsWith("image.") ? `Screenshot ${now}.png` : chosen.name);
    });

    /* A form that is sent while files are on their way goes once they are here. */
    let waits = null;
    form.addEventListener("submit", (event) => {
      if (![...files].some((file) => file.request)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      waits = { button: event.submitter };
      field.setAttribute("data-waiting", "");
      told.textContent = "The form is sent as soon as the files are here.";
    }, { capture: true });

    function settle() {
      if (!waits || [...files].some((file) => file.request)) return;
      const { button } = waits;
      waits = null;
      field.removeAttribute("data-waiting");
      // A file that was refused meanwhile is to be seen first.
      if (list.querySelector(".refused")) list.querySelector(".refused .remove").focus();
      else form.requestSubmit(button);
    }
  }
})();
