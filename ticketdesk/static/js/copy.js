/* Buttons with `data-copy="id"` put the text of that element on the clipboard. Without a
   clipboard (an old browser, or plain http) they stay hidden: people copy by hand. */
(() => {
  "use strict";

  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    const idle = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => { button.textContent = idle; }, 2_000);
    });
  }
})();
