/* [data-panel]: a <details> that Esc and a click elsewhere close, giving the focus back. */
(() => {
  const open = () => document.querySelector("[data-panel][open]");

  document.addEventListener("keydown", (event) => {
    const panel = open();
    if (event.key !== "Escape" || !panel) return;
    panel.open = false;
    panel.querySelector("summary").focus();
  });

  document.addEventListener("pointerdown", (event) => {
    const panel = open();
    // What was clicked may have left the page by now: a swap is no click elsewhere.
    if (panel && event.target.isConnected && !panel.contains(event.target)) panel.open = false;
  });
})();
