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

/* No answer at all: the table that stays may be an old one, and says so until there is an answer. */
(() => {
  const AWAY = "The board can't be reached: what is shown may be out of date.";

  htmx.on("htmx:sendError", () => {
    const notice = document.querySelector("#notice");
    if (notice && notice.textContent !== AWAY) notice.textContent = AWAY;
  });
  htmx.on("htmx:afterRequest", ({ detail: { xhr } }) => {
    const notice = document.querySelector("#notice");
    if (xhr.status && notice?.textContent === AWAY) notice.textContent = "";
  });
})();
