/* Inside /embed/frame: takes tokens from the portal's page, and tells it how high the board is. */
(() => {
  const origins = document.body.dataset.origins.split(" ");
  const above = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  const portal = above ? origins.find((origin) => origin === above) : origins[0];
  if (!portal || window.parent === window) return;
  const tell = (message) => window.parent.postMessage(message, portal);
  const board = document.createElement("tally-board");
  const given = new URLSearchParams(location.hash.slice(1));
  const wear = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  };
  let token = given.get("token");
  let take;

  wear(given.get("theme"));
  history.replaceState(null, "", location.pathname + location.search);

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || origin !== portal) return;
    if (data?.tally === "token") take?.(data);
    if (data?.tally === "theme") wear(data.theme);
  });

  board.fetchToken = () => {
    if (token) {
      const first = { token, expires_in: 300 };
      token = null;
      return first;
    }
    return new Promise((done) => {
      take = done;
      tell({ tally: "token" });
    });
  };

  let told;
  const measure = () => {
    const panel = board.shadowRoot.querySelector("details[open] > .tb-panel");
    const below = panel ? panel.getBoundingClientRect().bottom + scrollY + 16 : 0;
    const height = Math.ceil(Math.max(board.offsetTop + board.offsetHeight, below));
    if (height !== told) tell({ tally: "height", height: (told = height) });
  };

  for (const name of ["loaded", "error", "expired"]) {
    board.addEventListener(`tally:${name}`, () => tell({ tally: name }));
  }
  board.setAttribute("src", "/embed/leaderboard");
  document.body.append(board);
  new ResizeObserver(measure).observe(board);
  board.shadowRoot.addEventListener("toggle", measure, true);
})();
