/* [data-submits]: choosing an option sends its form; without scripts there is a button for it. */
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
