/* Keeps the filters as the server sent them, and tells it so: with the table it then sends only those
   that change. What a request hands over is as if it were sent; what else somebody chose goes back. */
(() => {
  const FILTERS = ":is(#inputs, #projects, #sources, #columns, .tb-live, .tb-dates) input";
  const TYPED = "#q, #prompt_cost, #completion_cost";
  // By id, what was typed and not answered; and of that, what was not even asked for.
  const pending = new Set();
  const due = new Set();

  document.addEventListener("input", ({ target }) => {
    if (target.matches(TYPED)) for (const some of [pending, due]) some.add(target.id);
  });

  /* A link leads on with what was typed a moment ago; where there is no table, with the rates. */
  function carry(link, detail) {
    const url = new URL(detail.path, location);
    for (const { id, value } of document.querySelectorAll(TYPED)) {
      if (!pending.has(id) || (id === "q" && !link.matches("[hx-target='#region']"))) continue;
      url.searchParams.set(id, value);
      if (id === "q") url.searchParams.delete("page");
    }
    detail.path = url.pathname + url.search;
    due.clear();
  }

  htmx.on("htmx:confirm", (event) => {
    const { elt, triggeringEvent } = event.detail;
    // A link has asked for it already.
    if (triggeringEvent?.type === "input" && elt.matches(TYPED) && !due.has(elt.id)) event.preventDefault();
  });

  htmx.on("htmx:configRequest", ({ detail }) => {
    const { elt, headers } = detail;
    if (elt.matches("a[hx-sync='#filters:replace']")) carry(elt, detail);
    if (!elt.matches("[hx-target='#region']")) return;
    const form = elt.matches("[hx-include]") ? "filters" : elt.id;
    headers["Filters-Kept"] = "1";
    due.clear();
    detail.filters = [...document.querySelectorAll(FILTERS)].map((one) => {
      const { value, checked } = one;
      return { one, value, checked, handed: one.form?.id === form || pending.has(one.id) };
    });
  });

  htmx.on("htmx:afterRequest", ({ detail: { xhr, requestConfig } }) => {
    // What got no answer is asked for with the next request.
    const answered = xhr.status && xhr.status < 500;
    for (const { one, value, checked, handed } of (answered && requestConfig.filters) || []) {
      if (handed && one.value === value) pending.delete(one.id);
      if (xhr.status !== 200) continue;
      if (handed) Object.assign(one, { defaultValue: value, defaultChecked: checked });
      // Who went on typing is about to ask for it.
      else if (one.value === value) Object.assign(one, { value: one.defaultValue, checked: one.defaultChecked });
    }
  });
})();
