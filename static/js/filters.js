/* Keeps the filters as the server sent them, and tells it so: with the table it then sends only those
   that change. What a request hands over is as if it were sent; what else somebody typed goes back. */
(() => {
  const FILTERS = ":is(#inputs, #projects, #sources, #columns, .tb-live, .tb-dates) input";

  htmx.on("htmx:configRequest", ({ detail }) => {
    const { elt, headers } = detail;
    if (!elt.matches("[hx-target='#region']")) return;
    const form = elt.matches("[hx-include]") ? "filters" : elt.id;
    headers["Filters-Kept"] = "1";
    detail.filters = [...document.querySelectorAll(FILTERS)].map((one) => {
      const { value, checked } = one;
      return { one, value, checked, handed: one.form?.id === form };
    });
  });

  htmx.on("htmx:afterRequest", ({ detail: { xhr, requestConfig } }) => {
    if (xhr.status !== 200) return;
    for (const { one, value, checked, handed } of requestConfig.filters ?? []) {
      if (handed) Object.assign(one, { defaultValue: value, defaultChecked: checked });
      // Who went on typing is about to ask for it.
      else if (one.value === value) Object.assign(one, { value: one.defaultValue, checked: one.defaultChecked });
    }
  });
})();
