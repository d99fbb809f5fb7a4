/* What a portal adds to show the board with tokens. */
(() => {
  // The page brings the first one along: one question less before there are rows.
  let first = JSON.parse(document.body.dataset.token ?? null);
  const fetchToken = async () => {
    const brought = first;
    first = null;
    if (brought) return brought;
    const answer = await fetch("/board-token", { method: "POST" });
    if (!answer.ok) throw new Error("The portal has no token for you.");
    return answer.json();
  };

  for (const board of document.querySelectorAll("tally-board")) board.fetchToken = fetchToken;

  for (const frame of document.querySelectorAll("iframe[data-board]")) {
    const { origin } = new URL(frame.src);
    addEventListener("message", async (event) => {
      if (event.source !== frame.contentWindow || event.origin !== origin) return;
      if (event.data.tally === "height") frame.style.height = `${event.data.height}px`;
      if (event.data.tally === "token") {
        const { token, expires_in } = await fetchToken();
        frame.contentWindow.postMessage({ tally: "token", token, expires_in }, origin);
      }
    });
  }
})();
