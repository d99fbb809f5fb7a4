/* [data-submits]: choosing an option sends its form; without scripts there is a button for it. The page
   that answers has the focus where it was: by keyboard, one goes through the options one by one. */
(() => {
  const CHOSEN = "chosen";
  const before = sessionStorage.getItem(CHOSEN);

  sessionStorage.removeItem(CHOSEN);
  if (before) document.getElementById(before)?.focus();

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-submits]")) return;
    sessionStorage.setItem(CHOSEN, target.id);
    target.form.requestSubmit();
  });
})();
