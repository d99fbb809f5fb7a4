/* Inside /embed/frame: takes tokens from the portal's page, and tells it how high the board is. */
(() => {
  const COLOURS =
    "accent accent-tint accent-ink paper raised tint ink muted line line-strong control prompt completion".split(" ");
  const REFERS = /(var|env|attr|if|url|image|image-set|--[\w-]*)\(/i;
  const origins = document.body.dataset.origins.split(" ");
  const above = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  const portal = above ? origins.find((origin) => origin === above) : origins[0];
  if (!portal || window.parent === window) return;
  const tell = (message) => window.parent.postMessage(message, portal);
  const board = document.createElement("tally-board");
  const given = new URLSearchParams(location.hash.slice(1));
  const { style } = document.documentElement;
  const wear = (theme, properties) => {
    if (theme === "light" || theme === "dark") style.colorScheme = theme;
    for (const [name, value] of Object.entries(properties)) {
      const colour = COLOURS.includes(name.slice(8)) && CSS.supports("color", value);
      const length = name === "--tally-radius" && CSS.supports("border-radius", value);
      // What refers to something else is supported whatever it says.
      if (name.startsWith("--tally-") && (colour || length) && !REFERS.test(value)) style.setProperty(name, value);
    }
  };
  let token = given.get("token");
  let take;
  let asking;
  // The portal's page may not be listening yet, or have found no token.
  const ask = (wait) => {
    tell({ tally: "token" });
    asking = setTimeout(ask, wait, Math.min(60_000, wait * 2));
  };

  wear(given.get("theme"), Object.fromEntries(given));
  history.replaceState(null, "", location.pathname + location.search);

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || origin !== portal) return;
    if (data?.tally === "token") {
      clearTimeout(asking);
      take?.(data);
    }
    if (data?.tally === "theme") wear(data.theme, data.properties ?? {});
  });

  board.fetchToken = () => {
    if (token) {
      const first = { token, expires_in: Number(given.get("expires_in") ?? 300) };
      token = null;
      return first;
    }
    return new Promise((done) => {
      take = done;
      clearTimeout(asking);
      ask(500);
    });
  };

  let told;
  const measure = () => {
    const panel = board.shadowRoot.querySelector("details[open] > .tb-panel");
    const below = panel ? panel.getBoundingClientRect().bottom + scrollY + 16 : 0;
    const height = Math.ceil(Math.max(board.getBoundingClientRect().bottom + scrollY, below));
    if (height !== told) tell({ tally: "height", height: (told = height) });
  };

  for (const name of ["loaded", "error", "expired"]) {
    board.addEventListener(`tally:${name}`, () => {
      tell({ tally: name });
      // The portal's page may not have been listening yet.
      for (const wait of [500, 2000, 8000]) setTimeout(() => tell({ tally: "height", height: told }), wait);
    });
  }
  // Beside this page, wherever a proxy serves it.
  board.setAttribute("src", "leaderboard");
  document.body.style.margin = 0;
  document.body.append(board);
  const sizes = new ResizeObserver(measure);
  sizes.observe(board);
  board.shadowRoot.addEventListener(
    "toggle",
    ({ target }) => {
      // Its tabs are of different heights.
      sizes.observe(target.querySelector(".tb-panel") ?? target);
      measure();
    },
    true,
  );
})();
