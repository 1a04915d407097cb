/* What a customer has typed as a reply outlives a reload and a failed attempt to send it, in this tab alone.
   The page works without it. */
(() => {
  "use strict";

  const form = document.getElementById("reply");
  const { body, nonce } = form.elements;
  const key = `ticketdesk.reply ${location.pathname}`;

  /* A browser that keeps nothing for sites refuses even to be asked. */
  let kept;
  try {
    kept = JSON.parse(sessionStorage.getItem(key));
  } catch {
    return;
  }
  const keep = (sent) => sessionStorage.setItem(key, JSON.stringify({ text: body.value, nonce: nonce.value, sent }));

  /* Sending a reply leads to where it stands in the conversation, so it has arrived. Anything else brings it back,
     with its nonce: if it did arrive after all, it is not said twice. */
  if (kept?.sent && location.hash.startsWith("#message-")) sessionStorage.removeItem(key);
  else if (kept?.text && !body.value) {
    body.value = kept.text;
    nonce.value = kept.nonce;
  }

  form.addEventListener("input", () => keep(false));
  form.addEventListener("submit", () => keep(true));
})();
