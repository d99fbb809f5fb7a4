/* [data-live="tag"]: asks for itself every few seconds while seen and not selected; what changed lights up. */
(() => {
  const SECONDS = 5;
  let before;

  const ask = () => {
    const region = document.querySelector("[data-live]");
    if (region && !document.hidden && !isSelected(region)) htmx.trigger(region, "live");
  };

  const isSelected = (region) => {
    const { isCollapsed, anchorNode } = getSelection();
    return !isCollapsed && region.contains(anchorNode);
  };

  const rows = (region) =>
    new Map([...region.querySelectorAll(".tb-row")].map((row) => [row.querySelector("th").textContent, row]));

  setInterval(ask, SECONDS * 1000);
  document.addEventListener("visibilitychange", ask);

  htmx.on("htmx:configRequest", ({ detail: { elt, headers } }) => {
    if (elt.dataset.live) headers["If-None-Match"] = `"${elt.dataset.live}"`;
  });

  htmx.on("htmx:beforeSwap", ({ detail: { requestConfig, target } }) => {
    before = requestConfig.elt.dataset.live ? rows(target) : null;
  });

  htmx.on("htmx:afterSwap", ({ target }) => {
    if (!before || target.id !== "region") return;
    for (const [name, row] of rows(target)) {
      if (before.get(name)?.textContent !== row.textContent) row.classList.add("tb-changed");
    }
    before = null;
  });
})();
