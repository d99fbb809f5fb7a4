/* A refused value: what the message beside an input says, assistive technology hears of the input.
   An answer speaks of one input: what was said beside others was about what they held before. */
htmx.on("htmx:oobBeforeSwap", ({ detail: { target } }) => {
  if (!target.matches(".tb-problem, #notice")) return;
  if (target.closest("[method=post]")) document.querySelector("#notice").textContent = "";
  for (const message of document.querySelectorAll(".tb-problem")) message.textContent = "";
});

htmx.on("htmx:oobAfterSwap", ({ detail: { target } }) => {
  for (const message of document.querySelectorAll(".tb-problem")) {
    const field = document.querySelector(`[aria-describedby~="${message.id}"]`);
    field?.setAttribute("aria-invalid", message.textContent !== "");
    if (message === target && field?.form?.method === "post") field.focus({ focusVisible: true });
  }
});

/* No answer, or one that is not the board's: the table that stays may be an old one, and says so until
   there is an answer. What the board itself refuses, it says in its answer. */
(() => {
  const OLD = "what is shown may be out of date.";
  let said;

  function say(sentence) {
    const notice = document.querySelector("#notice");
    said = sentence;
    if (notice && notice.textContent !== said) notice.textContent = said;
  }

  htmx.on("htmx:sendError", () => say(`The board can't be reached: ${OLD}`));
  htmx.on("htmx:beforeSwap", ({ detail }) => {
    const { xhr, target, serverResponse } = detail;
    if (xhr.status < 400) return;
    // The address stays with the table.
    detail.shouldSwap = false;
    if (xhr.getResponseHeader("HX-Reswap")) htmx.swap(target, serverResponse, { swapStyle: "none" });
    else say(`The board could not answer (${xhr.status}): ${OLD}`);
  });
  htmx.on("htmx:afterRequest", ({ detail: { xhr } }) => {
    const notice = document.querySelector("#notice");
    if (xhr.status && xhr.status < 400 && notice?.textContent === said) notice.textContent = "";
  });
})();
