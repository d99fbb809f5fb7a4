/* A refused value: what the message beside an input says, assistive technology hears of the input.
   An answer speaks of one input: what was said beside others was about what they held before. */
htmx.on("htmx:oobBeforeSwap", ({ detail: { target } }) => {
  if (!target.matches(".tb-problem")) return;
  for (const message of document.querySelectorAll(".tb-problem")) message.textContent = "";
});

htmx.on("htmx:oobAfterSwap", () => {
  for (const message of document.querySelectorAll(".tb-problem")) {
    const field = document.querySelector(`[aria-describedby~="${message.id}"]`);
    if (field) field.setAttribute("aria-invalid", message.textContent !== "");
  }
});
