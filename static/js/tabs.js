/* [data-tabs]: its [data-tab] sections become tabs; without scripts they stand one below another. */
(() => {
  const choose = (tabs, chosen, focus) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !selected;
    }
    if (focus) chosen.focus();
  };

  const steps = { ArrowRight: 1, ArrowLeft: -1 };

  const build = (panel) => {
    const list = document.createElement("div");
    list.className = "tb-tablist";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", panel.dataset.tabs);
    const tabs = [...panel.querySelectorAll("[data-tab]")].map((section) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `${section.id}-button`;
      tab.textContent = section.dataset.tab;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", section.id);
      section.setAttribute("role", "tabpanel");
      section.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => choose(tabs, tab, false));
      list.append(tab);
      return tab;
    });
    list.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const next = tabs.indexOf(document.activeElement) + step + tabs.length;
      choose(tabs, tabs[next % tabs.length], true);
    });
    panel.prepend(list);
    choose(tabs, tabs[0], false);
  };

  htmx.onLoad((root) => {
    for (const panel of root.querySelectorAll("[data-tabs]:not(:has([role=tablist]))")) build(panel);
  });
})();
