/* A link that its own answer takes off the page, like a removed filter, hands the focus on. */
htmx.on("htmx:afterRequest", ({ detail: { requestConfig: { elt } } }) => {
  if (elt.isConnected || document.getElementById(elt.id)) return;
  if (document.activeElement !== document.body) return;
  document.getElementById("filters-button")?.focus();
});
