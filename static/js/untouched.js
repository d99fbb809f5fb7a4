/* Tells the server when the filters are as it sent them: a sorted table need not bring them along. */
htmx.on("htmx:configRequest", ({ detail: { headers } }) => {
  const filters = [...document.querySelectorAll(":is(#inputs, #projects, #sources, .tb-dates) input")];
  const same = (one) => one.value === one.defaultValue && one.checked === one.defaultChecked;
  if (filters.every(same)) headers["Filters-Untouched"] = "1";
});
