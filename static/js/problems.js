/* A refused value: what the message beside an input says, assistive technology hears of the input. */
htmx.on("htmx:oobAfterSwap", () => {
  for (const message of document.querySelectorAll(".tb-problem")) {
    const field = document.querySelector(`[aria-describedby~="${message.id}"]`);
    if (field) field.setAttribute("aria-invalid", message.textContent !== "");
  }
});
