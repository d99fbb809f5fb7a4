/* Back returns to the same place and focus: the page comes anew, where one was is kept here. */
(() => {
  const places = new Map();

  htmx.on("htmx:beforeHistorySave", ({ detail: { path } }) =>
    places.set(path, { top: scrollY, focus: document.activeElement.id }));
  htmx.on("htmx:historyRestore", ({ detail: { path } }) => {
    const { top = 0, focus } = places.get(path) ?? {};
    document.getElementById(focus)?.focus();
    scrollTo(0, top);
  });
})();
