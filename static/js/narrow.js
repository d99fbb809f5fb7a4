/* [data-narrows="id"]: typing shows only the options of that list whose name contains the text. */
(() => {
  const narrow = (field) => {
    const text = field.value.trim().toLowerCase();
    for (const option of document.querySelectorAll(`#${field.dataset.narrows} label`)) {
      option.hidden = !option.textContent.toLowerCase().includes(text);
    }
  };

  const all = () => document.querySelectorAll("[data-narrows]");

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-narrows]")) narrow(event.target);
  });

  htmx.onLoad(() => all().forEach((field) => (field.hidden = false)));

  // The list comes anew with every answer.
  htmx.on("htmx:oobAfterSwap", () => all().forEach(narrow));
})();
