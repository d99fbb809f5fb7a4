/* Back returns to the same place of the table: the page comes anew, where one was is kept here. */
(() => {
  const places = new Map();

  htmx.on("htmx:beforeHistorySave", (event) => places.set(event.detail.path, scrollY));

  htmx.on("htmx:historyRestore", (event) => scrollTo(0, places.get(event.detail.path) ?? 0));
})();
