/* [data-uploads="id"]: a progress bar that shows how far the upload of that form has come. */
htmx.on("htmx:xhr:progress", ({ target, detail: { loaded, total } }) => {
  const bar = document.querySelector(`[data-uploads="${CSS.escape(target.id)}"]`);
  if (!bar || !total) return;
  bar.hidden = false;
  bar.value = (100 * loaded) / total;
});

htmx.on("htmx:afterRequest", ({ target }) => {
  const bar = document.querySelector(`[data-uploads="${CSS.escape(target.id)}"]`);
  if (bar) bar.hidden = true;
});
